"""Who may call a route: asked once, for every route, before its handler or its body is looked at.

A route says it with `access`, `may` and `permission` (see `portico.web.routes`); one that says nothing is for verified
accounts. There is no way around this: it is a layer of every handler there is.
"""

from collections.abc import Callable

from litestar.types import ASGIApp, Receive, Scope, Send

from portico.audit import acting
from portico.errors import UNAUTHORIZED, Forbidden
from portico.identity import Identity
from portico.permissions import Permissions


def gate(identity: Identity, permissions: Permissions) -> Callable[[ASGIApp], ASGIApp]:
    """The middleware of one application: puts the `Actor` into the scope, or refuses."""

    def around(app: ASGIApp) -> ASGIApp:
        async def check(scope: Scope, receive: Receive, send: Send) -> None:
            opt = scope["route_handler"].opt
            access = opt.get("access", "verified")
            if access == "public":
                scope["user"] = None
                await app(scope, receive, send)
                return
            actor = scope["user"] = await identity.identify(scope)
            if access != "user" and not (
                actor.is_admin or (access == "verified" and actor.is_verified)
            ):
                raise Forbidden
            may, permission = opt.get("may"), opt.get("permission")
            if may and not await permissions.may(actor, *may):
                asked = permissions.law.plan(*may).asks_permissions
                raise Forbidden(UNAUTHORIZED if asked else None)
            if permission and not await identity.is_permitted(actor, permission):
                raise Forbidden(UNAUTHORIZED)
            with acting(actor.id):
                await app(scope, receive, send)

        return check

    return around
