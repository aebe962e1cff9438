"""HEAD requests: answered wherever GET is, with the same status and headers and without a body.

The handler of GET runs once, and is stopped as soon as the headers of its response are known.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

from litestar import Litestar
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.utils import normalize_path

from portico.web.middleware.slow_readers import ClientStalled

#: Set in the scope of a HEAD request, whose method is GET where a handler of GET answers it.
HEAD_KEY: Final = "portico.is_head"
#: A part of a representation is only for GET. Source: RFC 9110, 14.2.
_RANGE_HEADERS: Final = frozenset((b"range", b"if-range"))


class HeadAnswered(ClientStalled):
    """The response to a HEAD request is complete. Raised where its handler sends a stream, so that it ends."""


async def serve_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have an application answer a HEAD request as if it were GET, and send the headers only."""
    scope[HEAD_KEY] = True  # type: ignore[typeddict-unknown-key]
    responder = HeadResponder(receive, send)
    try:
        await app(scope, responder.receive, responder.send)
    finally:
        await responder.finish()


class HeadResponder:
    """`send` and `receive` of a HEAD request, around those of the server. The application sends a response to GET."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._start: Any = None
        self._is_answered = False
        self._began = asyncio.Event()

    async def receive(self) -> Any:
        """Receive a message. From the start of the response on, the client is gone: it reads no stream."""
        message = asyncio.ensure_future(self._next_message())
        began = asyncio.ensure_future(self._began.wait())
        try:
            await asyncio.wait({message, began}, return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            message.cancel()
            began.cancel()

    async def _next_message(self) -> Any:
        return await self._receive()

    async def send(self, message: Message) -> None:
        """Send the headers of a response, and no more. Raises: HeadAnswered for a stream."""
        if message["type"] == "http.response.start":
            self._start = message
            self._began.set()
            return
        body: bytes = message.get("body", b"")  # type: ignore[assignment]
        more = bool(message.get("more_body"))
        if not self._is_answered:
            await self._answer(None if more else len(body))
        if more:
            raise HeadAnswered

    async def finish(self) -> None:
        """Send what has not been sent, after the end of the application."""
        if self._start is not None and not self._is_answered:
            await self._answer(None)

    async def _answer(self, length: int | None) -> None:
        """Send the response. `length`: bytes of the body that GET would have; None = not known."""
        self._is_answered = True
        start, may_have_body = self._start, self._start["status"] not in (204, 304)
        if length is not None and may_have_body and b"content-length" not in dict(start["headers"]):
            start["headers"] = [*start["headers"], (b"content-length", b"%d" % length)]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class HeadRequests:
    """Passes HEAD requests to `responses` as GET, except where `routes` has a handler of HEAD, or no route at all."""

    def __init__(self, routes: Litestar, responses: ASGIApp) -> None:
        self._routes, self._responses = routes, responses
        for route in routes.routes:
            if isinstance(route, HTTPRoute) and "GET" in route.methods:
                route.methods.add("HEAD")  # for the answer to OPTIONS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HEAD request. Called by the application."""
        path = normalize_path(scope["path"])
        with suppress(NotFoundException):  # answered by a fallback, which knows HEAD
            try:
                self._routes.asgi_router.handle_routing(path=path, method="HEAD")
            except MethodNotAllowedException:
                scope["method"] = "GET"  # type: ignore[typeddict-unknown-key]
                scope["headers"] = [one for one in scope["headers"] if one[0] not in _RANGE_HEADERS]
        await self._responses(scope, receive, send)
