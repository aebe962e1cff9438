"""Authorization middleware: checks who may call a route, before its handler runs and the body is read.

A route declares it with `access`, `requires` and `permission` (see `portico.web.routes`); without them it is for
verified accounts. The middleware runs for every route of the application.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from portico.audit import acting_as
from portico.errors import (
    ACTION_PROHIBITED,
    API_KEY_OUT_OF_BOUNDS,
    UNAUTHORIZED,
    DomainError,
    Forbidden,
)
from portico.identity import SESSION_CREDENTIAL, Actor, Identity
from portico.permissions import Permissions
from portico.rate_limits import RateLimiter
from portico.web.auth.csrf import check_csrf, is_cross_site
from portico.web.auth.websocket_connection import WebSocketConnection
from portico.web.errors import log_and_respond
from portico.web.middleware.origins import Origins
from portico.web.request.path_parameters import check_path_parameters

#: Methods that change nothing, unless the route has `csrf_checked`.
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


def auth_middleware(
    identity: Identity, permissions: Permissions, origins: Origins, limiter: RateLimiter
) -> Callable[[ASGIApp], ASGIApp]:
    """Return the middleware of one application: it sets `scope["user"]` to the `Actor`, or refuses the request."""

    def around(app: ASGIApp) -> ASGIApp:
        async def enter(scope: Scope, receive: Receive, send: Send) -> None:
            scope["user"] = None
            opt = scope["route_handler"].opt
            try:
                access = opt.get("access", "verified")
                if (
                    scope.get("method") not in SAFE_METHODS
                    or opt.get("csrf_checked")
                    or (access != "public" and is_cross_site(scope))
                ):
                    check_csrf(access, scope, origins)
                actor = await _authorize(access, opt, scope, identity, permissions)
                if actor is not None and opt.get("limited"):
                    await limiter.count_copy(actor.id)
                if scope["path_params"]:
                    check_path_parameters(scope)
            except DomainError as error:
                if scope["type"] != ScopeType.WEBSOCKET:
                    raise
                # Litestar cannot refuse a handshake with a response, only close the socket.
                await log_and_respond(scope, error)(scope, receive, send)
                return
            with nullcontext() if actor is None else acting_as(actor.id):
                if scope["type"] == ScopeType.WEBSOCKET:
                    socket = WebSocketConnection(receive, send)
                    await socket.serve(app, scope, actor, identity.live_connections)
                else:
                    await app(scope, receive, send)

        return enter

    return around


def _check_credential_scope(actor: Actor, scope: Scope, opt: Mapping[str, Any]) -> None:
    """Check that the scope of a credential other than a session, such as an API key, allows the route. Raises: Forbidden."""
    if opt.get("session_only"):
        raise Forbidden(ACTION_PROHIBITED)
    if actor.scope is not None:
        reads = opt.get("read_only", scope.get("method") in ("GET", "HEAD"))
        path = scope["path_template"]
        if not actor.scope.allows(path, opt.get("plugin", "portico"), reads=reads):
            raise Forbidden(API_KEY_OUT_OF_BOUNDS)


async def _authorize(
    access: str, opt: dict[str, Any], scope: Scope, identity: Identity, permissions: Permissions
) -> Actor | None:
    """Return the caller of a route with these options; None on a public route. Raises: Unauthenticated, Forbidden."""
    if access == "public":
        return None
    actor = await identity.auth.identify(scope)
    scope["user"] = actor  # set before the checks, so that a refusal is logged with the account
    if actor.credential != SESSION_CREDENTIAL:
        _check_credential_scope(actor, scope, opt)
    if access != "user" and not (actor.is_admin or (access == "verified" and actor.is_verified)):
        raise Forbidden
    requires, permission = opt.get("requires"), opt.get("permission")
    if requires and not await permissions.allows_on_collection(actor, *requires):
        by_permission = permissions.policies.action_rules(*requires).uses_permissions
        raise Forbidden(UNAUTHORIZED if by_permission else None)
    if permission and not await identity.is_permitted(actor, permission):
        raise Forbidden(UNAUTHORIZED)
    return actor
