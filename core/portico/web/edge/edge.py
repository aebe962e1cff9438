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
from portico.settings.schema import Settings
from portico.web.edge.browser_headers import BrowserHeaders
from portico.web.edge.cors import CORS, is_preflight
from portico.web.edge.https import HTTPSOnly
from portico.web.edge.leaving import Leaving, Outbound
from portico.web.edge.origins import Origins
from portico.web.edge.patience import Patience
from portico.web.edge.proxies import HEARSAY, Proxies
from portico.web.edge.read_watch import ReadWatch
from portico.web.edge.request_context import REQUEST
from portico.web.edge.sockets import Doorstep
from portico.web.edge.tcp_sockets import shut_down
from portico.web.errors import answer, refusal, unforeseen
from portico.web.reading.body_budget import release_body

log = structlog.get_logger("portico.web")

#: An id that a proxy gave is kept if it cannot be mistaken for anything else.
_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}\Z")
#: Characters of sixteen bytes in base64.
_KEY_LENGTH = 24
#: Characters of a path. The router remembers a thousand paths, whoever sent them.
MAX_PATH = 2048
#: Headers of requests that are looked at here.
_LOOKED_AT = HEARSAY | {b"x-request-id", b"origin", b"content-length", b"transfer-encoding"}


class Edge:
    """An application with an edge around it: an ASGI callable."""

    def __init__(
        self,
        app: ASGIApp,
        database: Database,
        settings: Settings,
        proxies: Proxies,
        origins: Origins,
    ) -> None:
        self._app, self._database, self._proxies = app, database, proxies
        self._cors = CORS(origins)
        self._patience = Patience(settings.server)
        self._watch = ReadWatch(settings.server.send_timeout)
        self._https = HTTPSOnly(origins.url) if settings.server.force_https else None
        guards = BrowserHeaders(settings.browser, force_https=settings.server.force_https)
        self._outbound = Outbound(guards, self._cors)
        self._trusts_some = bool(settings.server.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket. Called by the application."""
        request_id = origin = b""
        framings = 0
        hearsay, peer = self._trusts_some, scope["client"]
        # Most requests have none of these, and then this is all it costs to know.
        if not _LOOKED_AT.isdisjoint(dict(scope["headers"])):
            request_id, origin, doubtful, framings = _look(scope)
            hearsay = hearsay or doubtful
            if framings and scope["type"] == ScopeType.HTTP:
                receive = self._patience.receiving(receive)
        if hearsay:
            self._proxies.settle(scope)
        # To tell requests apart; nobody is let in by it.
        request_id = request_id or b"%016x" % random.getrandbits(64)
        REQUEST.set((request_id, scope.get("client")))
        answering: Doorstep | Leaving
        if scope["type"] == ScopeType.WEBSOCKET:
            answering = Doorstep(self._watch, scope, send, (b"x-request-id", request_id))
        else:
            answering = Leaving(self._outbound, self._watch, scope, send, request_id, origin)
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
        if scope["type"] == ScopeType.WEBSOCKET and not _is_sound(scope):
            await answer(400, "Bad Request")(scope, receive, send)
        elif self._https is not None and self._https.concerns(scope):
            await self._https.answer(scope, send)
        elif origin and self._cors.on and is_preflight(scope):
            await self._cors.answer(scope, send)
        else:
            await self._app(scope, receive, send)


async def _answer_error(
    error: Exception, scope: Scope, receive: Receive, answering: Doorstep | Leaving
) -> None:
    """Answer what nothing further inside has answered."""
    if answering.stalled:
        return
    if answering.began:
        raise error
    reply = refusal(error) if isinstance(error, errors.Refusal) else unforeseen(error, "portico")
    await reply(scope, receive, answering)


async def _hang_up(scope: Scope, peer: Any) -> None:
    """End a connection on which a client reads nothing: the server would keep it, and what it holds, for ever."""
    log.info("a client did not read what it was sent", path=scope["path"])
    if peer:
        await asyncio.to_thread(shut_down, peer)


class Seen(NamedTuple):
    """What the headers of a request say to the edge. `framings`: how many of them say where its body ends."""

    request_id: bytes
    origin: bytes
    hearsay: bool
    framings: int


def _look(scope: Scope) -> Seen:
    request_id = origin = b""
    hearsay, framings = False, set[bytes]()
    for name, value in scope["headers"]:
        if name not in _LOOKED_AT:
            continue
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            framings.add(name)
        elif name == b"origin":
            origin = value
        elif name == b"x-request-id":
            request_id = value if _ID.match(value) else b""
        else:
            hearsay = True
    return Seen(request_id, origin, hearsay, len(framings))


def _is_sound(scope: Scope) -> bool:
    """Whether the handshake of a socket is one that can be answered. Source: RFC 6455, 4.1."""
    return all(
        value.isascii() and (name != b"sec-websocket-key" or len(value) == _KEY_LENGTH)
        for name, value in scope["headers"]
        if name.startswith(b"sec-websocket")
    )
