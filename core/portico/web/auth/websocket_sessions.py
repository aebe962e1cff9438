"""Web sockets that end with what let somebody in: signed out, set back, deleted, run out.

The handler works in a task of its own, so that it can be stopped whatever it is waiting for.
"""

import asyncio
from typing import Any

from litestar.exceptions import WebSocketDisconnect
from litestar.types import ASGIApp, Receive, Scope, Send

from portico.errors import INVALID_TOKEN
from portico.identity import Actor, LiveConnections

#: What a socket is closed with whose sign-in is over: 4000 and the status that a request would be answered with.
SESSION_ENDED_CODE = 4401
#: Seconds that a handler gets to tidy up.
CANCEL_TIMEOUT_SECONDS = 1.0


async def serve_while_signed_in(  # noqa: PLR0917 - three of them are one, an ASGI connection
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, actor: Actor, vigil: LiveConnections
) -> None:
    """Serve a web socket until it ends by itself, or the sign-in it came with."""
    over, closed = asyncio.Event(), False

    async def sending(message: Any) -> None:
        nonlocal closed
        if over.is_set():
            raise WebSocketDisconnect(detail=INVALID_TOKEN, code=SESSION_ENDED_CODE)
        closed = closed or message["type"] not in ("websocket.accept", "websocket.send")
        await send(message)

    with vigil.track(actor, over.set):
        work = asyncio.ensure_future(app(scope, receive, sending))
        end = asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            end.cancel()
            if not work.done():
                # Before the farewell: the server sends none while somebody waits to receive.
                work.cancel()
                await asyncio.wait({work}, timeout=CANCEL_TIMEOUT_SECONDS)
        if over.is_set() and not closed:
            await send(
                {"type": "websocket.close", "code": SESSION_ENDED_CODE, "reason": INVALID_TOKEN}
            )
    if not over.is_set():
        await work  # what went wrong in it is for those outside
    elif work.done() and not work.cancelled():
        work.exception()  # it did not like to be stopped; nobody has to know
