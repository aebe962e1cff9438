"""Closes a web socket when the session or API key it was opened with is revoked or expires.

The handler runs in its own task, so that it can be cancelled whatever it is waiting for.
"""

import asyncio
from typing import Any

from litestar.exceptions import WebSocketDisconnect
from litestar.types import ASGIApp, Receive, Scope, Send

from portico.errors import INVALID_TOKEN
from portico.identity import Actor, LiveConnections

#: Close code after a revocation: 4000 plus the status with which a request would be answered.
SESSION_ENDED_CODE = 4401
#: Seconds that a cancelled handler has to clean up.
CANCEL_TIMEOUT_SECONDS = 1.0


async def serve_while_signed_in(  # noqa: PLR0917 - three of them are one, an ASGI connection
    app: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
    actor: Actor,
    live_connections: LiveConnections,
) -> None:
    """Serve a web socket until it ends by itself, or its credential is revoked."""
    over, closed = asyncio.Event(), False

    async def sending(message: Any) -> None:
        nonlocal closed
        if over.is_set():
            raise WebSocketDisconnect(detail=INVALID_TOKEN, code=SESSION_ENDED_CODE)
        closed = closed or message["type"] not in ("websocket.accept", "websocket.send")
        await send(message)

    with live_connections.track(actor, over.set):
        work = asyncio.ensure_future(app(scope, receive, sending))
        end = asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            end.cancel()
            if not work.done():
                # Cancel the handler before sending the close frame: granian does not send while a `receive()` is pending.
                work.cancel()
                await asyncio.wait({work}, timeout=CANCEL_TIMEOUT_SECONDS)
        if over.is_set() and not closed:
            await send(
                {"type": "websocket.close", "code": SESSION_ENDED_CODE, "reason": INVALID_TOKEN}
            )
    if not over.is_set():
        await work  # raises what the handler has raised
    elif work.done() and not work.cancelled():
        work.exception()  # retrieve the exception, so that asyncio does not log it
