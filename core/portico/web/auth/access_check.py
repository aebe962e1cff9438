"""Decides who may call a route, before its handler runs and the body is read.

A route declares it with `access`, `requires` and `permission` (see `portico.web.routes`); without them it is for
verified accounts.
"""

from collections.abc import Mapping
from typing import Any

from litestar.types import Scope

from portico.errors import ACTION_PROHIBITED, API_KEY_OUT_OF_BOUNDS, UNAUTHORIZED, Forbidden
from portico.identity import SESSION_CREDENTIAL, Actor, Identity
from portico.permissions import Permissions
from portico.rate_limits import RateLimiter
from portico.web.auth.csrf import check_csrf, is_cross_site
from portico.web.middleware.origins import Origins
from portico.web.request.path_parameters import check_path_parameters

#: Methods that change nothing, unless the route has `csrf_checked`.
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


class AccessCheck:
    """The check of all routes of one application."""

    def __init__(
        self, identity: Identity, permissions: Permissions, origins: Origins, limiter: RateLimiter
    ) -> None:
        self._identity, self._permissions = identity, permissions
        self._origins, self._limiter = origins, limiter

    async def check(self, scope: Scope) -> Actor | None:
        """Set `scope["user"]` to the actor of a request, and return it; None on a public route.

        Raises: Unauthenticated, Forbidden, RateLimited; ValidationError for a path parameter of a wrong type.
        """
        scope["user"] = None
        opt = scope["route_handler"].opt
        access = opt.get("access", "verified")
        if (
            scope.get("method") not in SAFE_METHODS
            or opt.get("csrf_checked")
            or (access != "public" and is_cross_site(scope))
        ):
            check_csrf(access, scope, self._origins)
        actor = None
        if access != "public":
            actor = scope["user"] = await self._identity.auth.identify(scope)
            # It is set before the checks, so that a refusal is logged with the account.
            await self._authorize(actor, access, scope, opt)
            if opt.get("limited"):
                await self._limiter.count_copy(actor.id)
        if scope["path_params"]:
            check_path_parameters(scope)
        return actor

    async def _authorize(
        self, actor: Actor, access: str, scope: Scope, opt: Mapping[str, Any]
    ) -> None:
        """Check that the caller may use a route with these options. Raises: Forbidden."""
        if actor.credential != SESSION_CREDENTIAL:
            _check_credential_scope(actor, scope, opt)
        if access != "user" and not (
            actor.is_admin or (access == "verified" and actor.is_verified)
        ):
            raise Forbidden
        requires, permission = opt.get("requires"), opt.get("permission")
        if requires and not await self._permissions.allows_on_collection(actor, *requires):
            rules = self._permissions.policies.action_rules(*requires)
            raise Forbidden(UNAUTHORIZED if rules.uses_permissions else None)
        if permission and not await self._identity.is_permitted(actor, permission):
            raise Forbidden(UNAUTHORIZED)


def _check_credential_scope(actor: Actor, scope: Scope, opt: Mapping[str, Any]) -> None:
    """Check that the scope of a credential other than a session, such as an API key, allows the route. Raises: Forbidden."""
    if opt.get("session_only"):
        raise Forbidden(ACTION_PROHIBITED)
    if actor.scope is not None:
        reads = opt.get("read_only", scope.get("method") in ("GET", "HEAD"))
        path = scope["path_template"]
        if not actor.scope.allows(path, opt.get("plugin", "portico"), reads=reads):
            raise Forbidden(API_KEY_OUT_OF_BOUNDS)
