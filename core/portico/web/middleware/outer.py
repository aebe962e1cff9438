"""The outermost ASGI middleware. It runs for every request and every web socket handshake.

Sets the request id, the client's address (behind trusted proxies) and the database of this application; adds the id,
the processing time and the security headers to the response, which plugins cannot remove or replace.
"""

import asyncio
import random
import re
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.exceptions import WebSocketDisconnect
from litestar.types import ASGIApp, Receive, Scope, Send

from portico import errors
from portico.db import Database
from portico.plugin_errors.plugin_exit import PluginExit, is_failure
from portico.settings.schema import CoreSettings
from portico.web.counters import Counters
from portico.web.error_format import error_format
from portico.web.errors import (
    domain_error_response,
    error_response,
    internal_error_response,
    note_failure,
)
from portico.web.middleware.body_timeout import BodyTimeout
from portico.web.middleware.cors import CORS, is_preflight
from portico.web.middleware.head_requests import HEAD_KEY
from portico.web.middleware.https import HTTPSOnly
from portico.web.middleware.origins import Origins
from portico.web.middleware.proxies import FORWARDED_HEADERS, Proxies
from portico.web.middleware.query_cache import forget_long_query
from portico.web.middleware.request_context import REQUEST
from portico.web.middleware.response_headers import ResponseHeaders, ResponseSender
from portico.web.middleware.security_headers import SecurityHeaders
from portico.web.middleware.slow_readers import ReadWatch
from portico.web.middleware.tcp_sockets import shut_down
from portico.web.middleware.websockets import HandshakeSender
from portico.web.request.body_budget import release_body

log = structlog.get_logger("portico.web")

#: A request id from a proxy is used if it has this form.
_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}\Z")
#: Characters of sixteen bytes in base64.
_KEY_LENGTH = 24
#: Characters of a path. The router caches a thousand paths, whether they exist or not.
MAX_PATH_CHARS = 2048
#: Request headers that are read here.
_RELEVANT_HEADERS = FORWARDED_HEADERS | {
    b"x-request-id",
    b"origin",
    b"content-length",
    b"transfer-encoding",
}


class OuterMiddleware:
    """An ASGI application with this middleware around it."""

    def __init__(
        self,
        app: ASGIApp,
        database: Database,
        settings: CoreSettings,
        proxies: Proxies,
        origins: Origins,
        *,
        counters: Counters,
    ) -> None:
        self._app, self._database, self._proxies = app, database, proxies
        self._cors = CORS(origins)
        self._body_timeout = BodyTimeout(settings.server)
        self._watch = ReadWatch(settings.server.send_timeout)
        self._https = (
            HTTPSOnly(origins.url, settings.server.base_path)
            if settings.server.force_https
            else None
        )
        security_headers = SecurityHeaders(
            settings.security_headers, force_https=settings.server.force_https
        )
        self._outbound = ResponseHeaders(security_headers, self._cors, counters)
        self._counters = counters
        # The peer of a Unix socket has no address, so it gets one there.
        self._has_proxies = bool(settings.server.trusted_proxies or settings.server.unix_socket)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket. Called by the application."""
        request_id = origin = b""
        framings, body = 0, None
        check_proxy, peer = self._has_proxies, scope["client"]
        # Most requests have none of these headers; then this test is the only cost.
        if not _RELEVANT_HEADERS.isdisjoint(dict(scope["headers"])):
            request_id, origin, is_forwarded, framings = _scan_headers(scope)
            check_proxy = check_proxy or is_forwarded
            if framings and scope["type"] == ScopeType.HTTP:
                receive = body = self._body_timeout.wrap_receive(receive)
        if check_proxy:
            self._proxies.apply(scope)
        # It distinguishes requests in the log and authorizes nothing, so it need not be cryptographically random.
        request_id = request_id or b"%016x" % random.getrandbits(64)
        REQUEST.set((request_id, scope.get("client")))
        sender: HandshakeSender | ResponseSender
        if scope["type"] == ScopeType.WEBSOCKET:
            sender = HandshakeSender(self._watch, scope, send, (b"x-request-id", request_id))
        else:
            sender = ResponseSender(self._outbound, self._watch, scope, send, request_id, origin)
        with self._database.use():
            try:
                if framings > 1:
                    # A proxy in front may have used the other header, and taken the rest for another request (request smuggling).
                    raise errors.IncompleteBody
                if len(scope["path"]) > MAX_PATH_CHARS:
                    raise errors.URLTooLong
                await self._serve(scope, receive, sender, origin)
            except BaseException as error:  # noqa: BLE001 - raised again where no response can be sent
                await self._answer_error(error, scope, receive, sender)
            finally:
                release_body(scope)
                forget_long_query(scope)
                if sender.stalled:
                    await _close_connection(scope, peer)
        if framings == 1 and body is not None and not body.is_complete and not sender.stalled:
            await body.drop_rest()

    async def _serve(self, scope: Scope, receive: Receive, send: Send, origin: bytes) -> None:
        if scope["type"] == ScopeType.WEBSOCKET and not _is_valid_handshake(scope):
            await error_response(400, "Bad Request")(scope, receive, send)
        elif self._https is not None and self._https.applies_to(scope):
            await self._https.respond(scope, send)
        elif origin and self._cors.on and is_preflight(scope):
            await self._cors.respond(scope, send)
        else:
            await self._app(scope, receive, send)

    async def _answer_error(
        self,
        error: BaseException,
        scope: Scope,
        receive: Receive,
        sender: HandshakeSender | ResponseSender,
    ) -> None:
        """Send the response to an error that no inner layer has answered.

        Raises: the error, if the request was cancelled; it, or a PluginExit in its place, if a response has begun.
        """
        if not is_failure(error):
            if isinstance(error, asyncio.CancelledError) and not sender.began:
                await self._answer_cancelled(error, scope, receive, sender)
            raise error
        if sender.stalled:
            return
        if not sender.began:
            reply = (
                domain_error_response(error, error_format(scope))
                if isinstance(error, errors.DomainError)
                else internal_error_response(error, scope, self._counters)
            )
            await reply(scope, receive, sender)
            return
        if not isinstance(error, errors.DomainError | WebSocketDisconnect):
            note_failure(error, scope, self._counters)
        if isinstance(error, Exception):
            raise error
        raise PluginExit from error

    async def _answer_cancelled(
        self,
        error: BaseException,
        scope: Scope,
        receive: Receive,
        sender: HandshakeSender | ResponseSender,
    ) -> None:
        """Respond before a request ends whose task was cancelled: the server itself cancels none, so a plugin has."""
        task = asyncio.current_task()
        while task is not None and task.uncancel():
            pass
        await internal_error_response(error, scope, self._counters)(scope, receive, sender)


async def _close_connection(scope: Scope, peer: Any) -> None:
    """Close a connection whose client does not read. The server would keep it and its buffers for ever."""
    if HEAD_KEY in scope:
        return  # its response is complete
    log.info("client stopped reading", path=scope["path"])
    if peer:
        await asyncio.to_thread(shut_down, peer)


def _scan_headers(scope: Scope) -> tuple[bytes, bytes, bool, int]:
    """Return the request id, the origin, whether there are forwarded headers, and how many headers give the body's length."""
    request_id = origin = b""
    is_forwarded, framings = False, set[bytes]()
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
            is_forwarded = True
    return request_id, origin, is_forwarded, len(framings)


def _is_valid_handshake(scope: Scope) -> bool:
    """Return whether the server can answer this web socket handshake. Source: RFC 6455, 4.1."""
    return all(
        value.isascii() and (name != b"sec-websocket-key" or len(value) == _KEY_LENGTH)
        for name, value in scope["headers"]
        if name.startswith(b"sec-websocket")
    )
