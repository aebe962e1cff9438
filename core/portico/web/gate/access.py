"""Who may call a route: asked once, for every route, before its handler or its body is looked at.

A route says it with `access`, `may` and `permission` (see `portico.web.routes`); one that says nothing is for verified
accounts. There is no way around this: it is a layer of every handler there is.
"""

from collections.abc import Callable, Mapping
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from portico.audit import acting
from portico.errors import (
    ACTION_PROHIBITED,
    API_KEY_OUT_OF_BOUNDS,
    UNAUTHORIZED,
    Forbidden,
    Refusal,
)
from portico.identity import SESSION, Actor, Identity
from portico.limits import Limiter
from portico.permissions import Permissions
from portico.web.edge.origins import Origins
from portico.web.errors import told
from portico.web.gate.forgery import is_cross_site, refuse_forgery
from portico.web.gate.lasting import serve_while_signed_in

#: Methods that change nothing, unless a route says that it does.
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


def gate(
    identity: Identity, permissions: Permissions, origins: Origins, limiter: Limiter
) -> Callable[[ASGIApp], ASGIApp]:
    """The middleware of one application: puts the `Actor` into the scope, or refuses."""

    def around(app: ASGIApp) -> ASGIApp:
        async def enter(scope: Scope, receive: Receive, send: Send) -> None:
            scope["user"] = None
            opt = scope["route_handler"].opt
            try:
                access = opt.get("access", "verified")
                if (
                    scope.get("method") not in SAFE
                    or opt.get("changes")
                    or (access != "public" and is_cross_site(scope))
                ):
                    refuse_forgery(access, scope, origins)
                actor = await _admitted(access, opt, scope, identity, permissions)
                if actor is not None and opt.get("limited"):
                    await limiter.spend(actor.id)
            except Refusal as error:
                if scope["type"] != ScopeType.WEBSOCKET:
                    raise
                # Litestar knows no refused handshake, only a closed socket.
                await told(scope, error)(scope, receive, send)
                return
            if actor is None:
                await app(scope, receive, send)
                return
            with acting(actor.id):
                if scope["type"] == ScopeType.WEBSOCKET:
                    await serve_while_signed_in(app, scope, receive, send, actor, identity.vigil)
                else:
                    await app(scope, receive, send)

        return enter

    return around


def _keep_within(actor: Actor, scope: Scope, opt: Mapping[str, Any]) -> None:
    """Hold somebody who did not sign in, but sent a key, to what the key is good for. Raises: Forbidden."""
    if opt.get("signed_in"):
        raise Forbidden(ACTION_PROHIBITED)
    if actor.bounds is not None:
        reads = opt.get("reads", scope.get("method") in ("GET", "HEAD"))
        path = scope["path_template"]
        if not actor.bounds.admit(path, opt.get("plugin", "portico"), reads=reads):
            raise Forbidden(API_KEY_OUT_OF_BOUNDS)


async def _admitted(
    access: str, opt: dict[str, Any], scope: Scope, identity: Identity, permissions: Permissions
) -> Actor | None:
    """Who calls a route of these options; None = anybody may. Raises: Unauthenticated, Forbidden."""
    if access == "public":
        return None
    actor = await identity.identify(scope)
    scope["user"] = actor  # known from here on, also to the event of a refusal
    if actor.credential != SESSION:
        _keep_within(actor, scope, opt)
    if access != "user" and not (actor.is_admin or (access == "verified" and actor.is_verified)):
        raise Forbidden
    may, permission = opt.get("may"), opt.get("permission")
    if may and not await permissions.may(actor, *may):
        asked = permissions.law.plan(*may).asks_permissions
        raise Forbidden(UNAUTHORIZED if asked else None)
    if permission and not await identity.is_permitted(actor, permission):
        raise Forbidden(UNAUTHORIZED)
    return actor
