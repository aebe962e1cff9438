"""The outermost layer: what every request gets before anybody looks at it, and every answer before it leaves.

A request id and the database of this application; on the answer the id, the time it took, and the headers a plugin
cannot take away or fake.
"""

import random
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from portico import errors
from portico.db import Database
from portico.web.errors import refusal, unforeseen

#: An id that a proxy gave is kept if it cannot be mistaken for anything else.
_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}\Z")
#: Headers that are ours alone, whatever a handler says.
_OURS = frozenset((b"x-request-id", b"x-process-time", b"x-content-type-options"))
_NOSNIFF = (b"x-content-type-options", b"nosniff")


def edge(app: ASGIApp, database: Database) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Wrap an application."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await app(scope, receive, send)
            return
        started = time.monotonic()
        request_id = _request_id(scope)
        began = False

        async def sending(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = [
                    (name, value)
                    for name, value in message["headers"]
                    if name.lower() not in _OURS and b"\n" not in value and b"\r" not in value
                ]
                headers.append((b"x-request-id", request_id))
                headers.append((b"x-process-time", b"%d" % (time.monotonic() - started)))
                headers.append(_NOSNIFF)
                message["headers"] = headers
            await send(message)

        structlog.contextvars.bind_contextvars(request=request_id.decode())
        with database.use():
            try:
                await app(scope, receive, sending)
            except Exception as error:
                if began:
                    raise
                if isinstance(error, errors.Refusal):
                    reply = refusal(error)
                else:
                    reply = unforeseen(error, "portico")
                await reply(scope, receive, sending)

    return handle


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.match(value):
            return value
    return b"%016x" % random.getrandbits(64)  # to tell requests apart; nobody is let in by it
