"""The protocol by which a server starts and stops the application. Source: the ASGI specification."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from portico.db import cause_of, in_words
from portico.errors import OperatorError

log = structlog.get_logger("portico")

Step = Callable[[], Awaitable[None]]


async def lifespan(start: Step, stop: Step, receive: Any, send: Any) -> None:
    """Run `start` and `stop` when the server sends these events. If `start` fails, run `stop` and report the failure."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await start()
            except Exception as error:  # noqa: BLE001 - every failure must be reported to the server
                # After an exception here the server would go on without lifespan events; after this message it stops.
                log.debug("start failed with this error", exc_info=error)
                await stop()
                known = isinstance(error, OperatorError) or cause_of(error) is not None
                message_text = in_words(error) if known else repr(error)
                await send({"type": "lifespan.startup.failed", "message": message_text})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
