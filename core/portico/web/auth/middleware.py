"""Litestar's middleware with the access check, for web sockets and for the routes that Litestar serves itself."""

from collections.abc import Callable
from contextlib import nullcontext

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from portico.audit import acting_as
from portico.errors import DomainError
from portico.identity import LiveConnections
from portico.web.auth.access_check import AccessCheck
from portico.web.auth.websocket_connection import WebSocketConnection
from portico.web.errors import log_and_respond


def auth_middleware(
    access: AccessCheck, live_connections: Callable[[], LiveConnections]
) -> Callable[[ASGIApp], ASGIApp]:
    """Return the middleware of one application: it sets `scope["user"]` to the `Actor`, or refuses the request."""

    def around(app: ASGIApp) -> ASGIApp:
        async def enter(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                actor = await access.check(scope)
            except DomainError as error:
                if scope["type"] != ScopeType.WEBSOCKET:
                    raise
                # Litestar cannot refuse a handshake with a response, only close the socket.
                await log_and_respond(scope, error)(scope, receive, send)
                return
            with nullcontext() if actor is None else acting_as(actor.id):
                if scope["type"] == ScopeType.WEBSOCKET:
                    socket = WebSocketConnection(receive, send)
                    await socket.serve(app, scope, actor, live_connections())
                else:
                    await app(scope, receive, send)

        return enter

    return around
