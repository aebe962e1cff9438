"""Wraps ASGI `send`: adds the request id, the processing time and the security headers to responses.

Reserved and malformed headers that a handler set are dropped.
"""

import time
from collections.abc import Iterable

from litestar.types import Message, Scope, Send

from portico.web.counters import Counters
from portico.web.middleware.cors import CORS
from portico.web.middleware.security_headers import CONTENT_POLICY_KEY, SecurityHeaders
from portico.web.middleware.slow_readers import (
    MAX_UNSPLIT_BYTES,
    PIECE_BYTES,
    ClientStalled,
    ReadWatch,
    send_in_pieces,
)
from portico.web.request.body_budget import release_body

#: Headers that handlers cannot set, besides those of `SecurityHeaders`.
_RESERVED_HEADERS = frozenset(
    (
        b"x-request-id",
        b"x-process-time",
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-allow-private-network",
    )
)
#: Media type of scripts. They get the policy of pages, since a worker has that of its own script.
_SCRIPT = b"text/javascript"


class ResponseHeaders:
    """Computes the headers of all responses of one application, and counts the responses."""

    def __init__(self, security_headers: SecurityHeaders, cors: CORS, counters: Counters) -> None:
        self._security_headers, self._cors = security_headers, cors
        #: Counts a response by its scope, its status and the seconds until it began.
        self.count = counters.responded
        self._reserved = _RESERVED_HEADERS | security_headers.names

    def headers(
        self, given: Iterable[tuple[bytes, bytes]], scope: Scope, origin: bytes
    ) -> list[tuple[bytes, bytes]]:
        """Return the headers of a response whose handler set `given`. `origin`: the request's; b"" = none."""
        secure = scope["scheme"] == "https"
        page = caching = False
        headers = []
        for given_name, value in given:
            name = given_name.lower()
            if name in self._reserved or b"\n" in value or b"\r" in value:
                continue
            if name == b"content-type":
                page = value[:9].lower() == b"text/html" or value.startswith(_SCRIPT)
            elif name == b"cache-control":
                caching = True
            elif secure and name == b"set-cookie" and b"; secure" not in value.lower():
                # A cookie set over HTTPS must not be sent over plain HTTP.
                headers.append((name, value + b"; Secure"))
                continue
            headers.append((name, value))
        headers += self._security_headers.headers(
            scope["path"], page=page, secure=secure, caching=caching
        )
        handler = scope.get("route_handler")
        policy = (
            scope.get(CONTENT_POLICY_KEY) if handler is None else handler.opt.get("content_policy")
        )
        if policy is not None:
            headers = [pair for pair in headers if pair[0] != policy[0]] + [policy]
        if self._cors.on:
            headers += self._cors.headers(origin)
        return headers


class ResponseSender:
    """`send` of one request. `began`: the response has started; `stalled`: the client did not read it in time."""

    __slots__ = (
        "_is_stream", "_origin", "_outbound", "_request_id", "_scope", "_send", "_started", "_watch", "began",
        "stalled",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - constructed in one place
        self,
        outbound: ResponseHeaders,
        watch: ReadWatch,
        scope: Scope,
        send: Send,
        request_id: bytes,
        origin: bytes,
    ) -> None:
        self._watch = watch
        self._outbound, self._scope, self._send = outbound, scope, send
        self._request_id, self._origin = request_id, origin
        self._started = time.monotonic()
        self.began = self.stalled = self._is_stream = False

    async def __call__(self, message: Message) -> None:
        """Send a part of the response. Called by the application. Raises: ClientStalled if the client does not read."""
        if message["type"] == "http.response.start":
            self.began = True
            seconds = time.monotonic() - self._started
            self._outbound.count(self._scope, message["status"], seconds)
            release_body(self._scope)
            headers = self._outbound.headers(message["headers"], self._scope, self._origin)
            headers.append((b"x-request-id", self._request_id))
            headers.append((b"x-process-time", b"%d" % seconds))
            message["headers"] = headers
            await self._send(message)
            return
        body: bytes = message.get("body", b"")  # type: ignore[assignment]
        more: bool = message.get("more_body", False)  # type: ignore[assignment]
        if not more and not self._is_stream and len(body) <= MAX_UNSPLIT_BYTES:
            await self._send(message)  # the server buffers it
        elif len(body) > 2 * PIECE_BYTES:
            await send_in_pieces(body, more, self)
        else:
            await self._send_watched(message)

    async def _send_watched(self, message: Message) -> None:
        self._is_stream = True
        try:
            if self.stalled:
                raise ClientStalled
            await self._watch.send(self._send, message)
        except ClientStalled:
            self.stalled = True
            raise
