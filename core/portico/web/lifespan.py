"""The protocol by which a server opens and closes the application. Source: the ASGI specification."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from portico.db import cause_of, in_words
from portico.errors import OperatorError

log = structlog.get_logger("portico")

Step = Callable[[], Awaitable[None]]


async def lifespan(start: Step, stop: Step, receive: Any, send: Any) -> None:
    """Start when the server says so, and stop when it says that, or when the start fails."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await start()
            except Exception as error:  # noqa: BLE001 - whatever it is, the server must be told
                # A server that sees an exception here goes on without a lifespan; told so, it stops.
                log.debug("start failed, in full", exc_info=error)
                await stop()
                known = isinstance(error, OperatorError) or cause_of(error) is not None
                told = in_words(error) if known else repr(error)
                await send({"type": "lifespan.startup.failed", "message": told})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
