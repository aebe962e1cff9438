"""The outermost layer: what every request gets before anybody looks at it, and every answer before it leaves.

A request id, the address it really came from and the database of this application; on the answer the id, the time it
took, and the headers a plugin cannot take away or fake. Handshakes of web sockets come through here as well.
"""

import asyncio
import random
import re
from typing import Any, NamedTuple

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from portico import errors
from portico.db import Database
from portico.settings.schema import CoreSettings
from portico.web.errors import domain_error_response, error_response, internal_error_response
from portico.web.middleware.body_timeout import BodyTimeout
from portico.web.middleware.cors import CORS, is_preflight
from portico.web.middleware.https import HTTPSOnly
from portico.web.middleware.origins import Origins
from portico.web.middleware.proxies import FORWARDED_HEADERS, Proxies
from portico.web.middleware.request_context import REQUEST
from portico.web.middleware.response_headers import ResponseHeaders, ResponseSender
from portico.web.middleware.security_headers import SecurityHeaders
from portico.web.middleware.slow_readers import ReadWatch
from portico.web.middleware.tcp_sockets import shut_down
from portico.web.middleware.websockets import HandshakeSender
from portico.web.request.body_budget import release_body

log = structlog.get_logger("portico.web")

#: An id that a proxy gave is kept if it cannot be mistaken for anything else.
_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}\Z")
#: Characters of sixteen bytes in base64.
_KEY_LENGTH = 24
#: Characters of a path. The router remembers a thousand paths, whoever sent them.
MAX_PATH = 2048
#: Headers of requests that are looked at here.
_RELEVANT_HEADERS = FORWARDED_HEADERS | {
    b"x-request-id",
    b"origin",
    b"content-length",
    b"transfer-encoding",
}


class OuterMiddleware:
    """An application with an edge around it: an ASGI callable."""

    def __init__(
        self,
        app: ASGIApp,
        database: Database,
        settings: CoreSettings,
        proxies: Proxies,
        origins: Origins,
    ) -> None:
        self._app, self._database, self._proxies = app, database, proxies
        self._cors = CORS(origins)
        self._patience = BodyTimeout(settings.server)
        self._watch = ReadWatch(settings.server.send_timeout)
        self._https = HTTPSOnly(origins.url) if settings.server.force_https else None
        guards = SecurityHeaders(settings.browser, force_https=settings.server.force_https)
        self._outbound = ResponseHeaders(guards, self._cors)
        self._trusts_some = bool(settings.server.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket. Called by the application."""
        request_id = origin = b""
        framings = 0
        hearsay, peer = self._trusts_some, scope["client"]
        # Most requests have none of these, and then this is all it costs to know.
        if not _RELEVANT_HEADERS.isdisjoint(dict(scope["headers"])):
            request_id, origin, doubtful, framings = _scan_headers(scope)
            hearsay = hearsay or doubtful
            if framings and scope["type"] == ScopeType.HTTP:
                receive = self._patience.wrap_receive(receive)
        if hearsay:
            self._proxies.apply(scope)
        # To tell requests apart; nobody is let in by it.
        request_id = request_id or b"%016x" % random.getrandbits(64)
        REQUEST.set((request_id, scope.get("client")))
        answering: HandshakeSender | ResponseSender
        if scope["type"] == ScopeType.WEBSOCKET:
            answering = HandshakeSender(self._watch, scope, send, (b"x-request-id", request_id))
        else:
            answering = ResponseSender(self._outbound, self._watch, scope, send, request_id, origin)
        with self._database.use():
            try:
                if framings > 1:
                    # A proxy in front may have gone by the other one, and taken what follows for a request.
                    raise errors.IncompleteBody
                if len(scope["path"]) > MAX_PATH:
                    raise errors.URLTooLong
                await self._serve(scope, receive, answering, origin)
            except Exception as error:  # noqa: BLE001 - raised again where there is no answer to it
                await _answer_error(error, scope, receive, answering)
            finally:
                release_body(scope)
                if answering.stalled:
                    await _hang_up(scope, peer)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, origin: bytes) -> None:
        if scope["type"] == ScopeType.WEBSOCKET and not _is_valid_handshake(scope):
            await error_response(400, "Bad Request")(scope, receive, send)
        elif self._https is not None and self._https.applies_to(scope):
            await self._https.answer(scope, send)
        elif origin and self._cors.on and is_preflight(scope):
            await self._cors.answer(scope, send)
        else:
            await self._app(scope, receive, send)


async def _answer_error(
    error: Exception, scope: Scope, receive: Receive, answering: HandshakeSender | ResponseSender
) -> None:
    """Answer what nothing further inside has answered."""
    if answering.stalled:
        return
    if answering.began:
        raise error
    reply = (
        domain_error_response(error)
        if isinstance(error, errors.DomainError)
        else internal_error_response(error, "portico")
    )
    await reply(scope, receive, answering)


async def _hang_up(scope: Scope, peer: Any) -> None:
    """End a connection on which a client reads nothing: the server would keep it, and what it holds, for ever."""
    log.info("a client did not read what it was sent", path=scope["path"])
    if peer:
        await asyncio.to_thread(shut_down, peer)


class RequestFacts(NamedTuple):
    """What the headers of a request say to the edge. `framings`: how many of them say where its body ends."""

    request_id: bytes
    origin: bytes
    has_forwarded_headers: bool
    framings: int


def _scan_headers(scope: Scope) -> RequestFacts:
    request_id = origin = b""
    hearsay, framings = False, set[bytes]()
    for name, value in scope["headers"]:
        if name not in _RELEVANT_HEADERS:
            continue
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            framings.add(name)
        elif name == b"origin":
            origin = value
        elif name == b"x-request-id":
            request_id = value if _ID.match(value) else b""
        else:
            hearsay = True
    return RequestFacts(request_id, origin, hearsay, len(framings))


def _is_valid_handshake(scope: Scope) -> bool:
    """Whether the handshake of a socket is one that can be answered. Source: RFC 6455, 4.1."""
    return all(
        value.isascii() and (name != b"sec-websocket-key" or len(value) == _KEY_LENGTH)
        for name, value in scope["headers"]
        if name.startswith(b"sec-websocket")
    )
