"""The Litestar application: every route has the same authentication, body checks and error responses."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from portico.identity import Identity
from portico.permissions import Permissions
from portico.rate_limits import RateLimiter
from portico.redis import RedisConnection
from portico.settings.schema import CoreSettings
from portico.web.auth.access_check import AccessCheck
from portico.web.auth.middleware import auth_middleware
from portico.web.counters import Counters
from portico.web.direct_routes import DirectRoutes
from portico.web.drain import Drain
from portico.web.errors import HANDLERS
from portico.web.handler_map import GrowingMap
from portico.web.health import health_routes, redis_check
from portico.web.health_check import HealthCheck
from portico.web.middleware.origins import Origins
from portico.web.openapi.responses import SchemaPlugin
from portico.web.openapi.routes import open_api, schema
from portico.web.plugin_list import plugin_list_route
from portico.web.request.body_budget import BodyBudget
from portico.web.request.body_request import BodyRequest
from portico.web.request.json_body import StrictJSON
from portico.web.request.path_parameters import accept_any_parameters

#: Routes of the core, as pairs of method and path. No plugin can register one of them.
OWN_PATHS = tuple(
    ("GET", path)
    for path in ("/health", "/health/db", "/ready", "/docs", "/openapi.json", "/api/v1/plugins")
)


class PorticoLitestar(GrowingMap, Litestar):
    """Litestar without its plugins for pydantic and attrs, which cost 9 MB and are not used here.

    `compresses_json`: for clients that accept it. An attribute, because it is read for each response.
    """

    compresses_json = False
    direct_routes: DirectRoutes | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request or web socket. Called by the middleware."""
        found = self.direct_routes.find(scope) if self.direct_routes is not None else None
        if found is None or self.direct_routes is None:
            await super().__call__(scope, receive, send)
        else:
            await self.direct_routes.serve(found, scope, receive, send)

    @cached_property
    def openapi_json(self) -> bytes:
        """The OpenAPI document of all routes."""
        return msgspec.json.encode(self.openapi_schema.to_schema())

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def web_application(
    settings: CoreSettings,
    identity: Identity,
    permissions: Permissions,
    origins: Origins,
    drain: Drain,
    *,
    limiter: RateLimiter,
    routers: Sequence[Router],
    checks: Iterable[tuple[str, HealthCheck]],
    redis: RedisConnection,
    database: Callable[[], Awaitable[None]],
    faults: Callable[[], list[dict[str, str]]],
    counters: Counters,
    plugins: Callable[[], Sequence[dict[str, Any]]],
) -> Litestar:
    """Return the application that serves these routers and the core's own routes.

    `database`: the health check of the database. `checks`: the plugins' health checks, each with the name of its
    plugin. `faults`: of plugins, as `/ready` shows them. `plugins`: all of them, as administrators see them.
    """
    docs = settings.server.serve_docs
    access = AccessCheck(identity, permissions, origins, limiter)
    app = PorticoLitestar(
        route_handlers=[
            *health_routes(database, [*redis_check(redis), *checks], faults, drain),
            *([schema] if docs else []),
            plugin_list_route(plugins),
            *routers,
        ],
        middleware=[auth_middleware(access, lambda: identity.live_connections)],
        exception_handlers=HANDLERS,
        dto=StrictJSON,
        return_dto=None,
        request_class=BodyRequest,
        request_max_body_size=settings.server.max_body_bytes,
        state=request_state(settings, identity, drain, counters),
        openapi_config=open_api(settings) if docs else None,
        plugins=[SchemaPlugin()],
        logging_config=None,
    )
    accept_any_parameters(app)
    app.compresses_json = settings.server.compress_responses
    app.direct_routes = DirectRoutes(app, access)
    return app


class RequestState(State):
    """The state of one application, with its values as attributes: Litestar's looks each of them up in a dictionary."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(dict(values))
        for name, value in values.items():
            object.__setattr__(self, name, value)


def request_state(
    settings: CoreSettings, identity: Identity, drain: Drain, counters: Counters
) -> State:
    """Return what the handling of requests uses as `app.state`."""
    return RequestState(
        {
            "max_depth": settings.server.max_json_depth,
            "max_values": settings.server.max_values,
            "max_form_bytes": settings.server.max_form_bytes,
            "bodies": BodyBudget(settings.server.max_total_body_bytes),
            "cookies": identity.cookies,
            "drain": drain,
            "live_connections": identity.live_connections,
            "counters": counters,
        }
    )
