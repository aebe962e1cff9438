"""The Litestar application: every route behind the same gate, with the same bodies and the same errors."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from portico.identity import Identity
from portico.limits import Limiter
from portico.permissions import Permissions
from portico.redis import Redis
from portico.settings.schema import Settings
from portico.web.counters import Counters
from portico.web.describing.described import Descriptions
from portico.web.describing.openapi import open_api, schema
from portico.web.drain import Drain
from portico.web.edge.origins import Origins
from portico.web.errors import HANDLERS
from portico.web.gate.access import gate
from portico.web.handler_map import GrowingMap
from portico.web.health import HealthCheck, health_routes, redis_check
from portico.web.plugin_list import plugin_list_route
from portico.web.reading.body import StrictJSON
from portico.web.reading.body_budget import BodyBudget
from portico.web.reading.body_request import BodyRequest

#: Routes that no plugin can take, as pairs of method and path.
OWN_PATHS = tuple(
    ("GET", path)
    for path in ("/health", "/health/db", "/ready", "/docs", "/openapi.json", "/api/v1/plugins")
)


class Web(GrowingMap, Litestar):
    """Litestar without its plugins for pydantic and attrs, which cost 9 MB and serve nobody here."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def web_application(
    settings: Settings,
    identity: Identity,
    permissions: Permissions,
    origins: Origins,
    drain: Drain,
    *,
    limiter: Limiter,
    routers: Sequence[Router],
    checks: Iterable[tuple[str, HealthCheck]],
    redis: Redis,
    database: Callable[[], Awaitable[None]],
    set_aside: Callable[[], list[str]],
    counters: Counters,
    plugins: Callable[[], Sequence[dict[str, Any]]],
) -> Litestar:
    """The application that serves these routers and the core's own routes.

    `database`: the probe of the database. `checks`: the plugins' probes, each with its owner. `set_aside`: names of the
    plugins that failed. `plugins`: all of them, as administrators are told.
    """
    docs = settings.server.docs
    return Web(
        route_handlers=[
            *health_routes(database, [*redis_check(redis), *checks], set_aside, drain),
            *([schema] if docs else []),
            plugin_list_route(plugins),
            *routers,
        ],
        middleware=[gate(identity, permissions, origins, limiter)],
        exception_handlers=HANDLERS,
        dto=StrictJSON,
        return_dto=None,
        request_class=BodyRequest,
        request_max_body_size=settings.server.max_body,
        state=State(
            {
                "max_depth": settings.server.max_depth,
                "max_values": settings.server.max_values,
                "bodies": BodyBudget(settings.server.max_body_total),
                "cookies": identity.cookies,
                "drain": drain,
                "vigil": identity.vigil,
                "counters": counters,
            }
        ),
        openapi_config=open_api(settings) if docs else None,
        plugins=[Descriptions()],
        logging_config=None,
    )
