"""`GET /metrics`: the figures of this server, as Prometheus reads them.

What is measured is declared by the core and by plugins (`register_metrics`); this plugin decides who may read
it, adds up what several processes report, and formats it.
"""

from typing import TYPE_CHECKING

from portico.api import AppContext, PluginInfo, Section, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind

if TYPE_CHECKING:
    from portico_metrics.settings import MetricsSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Figures for monitoring, as Prometheus reads them.",
    route_prefixes=("/metrics",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: from which networks the figures may be read."""
    from portico_metrics.settings import MetricsSettings

    return MetricsSettings


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the figures. They have no rows that could be shared."""
    return [ResourceKind("metrics", "", ("read",))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of the figures."""
    return [PackagedPolicy("portico_policies", "metrics.csv")]


@hookimpl
def register_components(app: AppContext, settings: "MetricsSettings") -> object:
    """Return the check of who may read the figures, and the figures."""
    from portico_metrics.components import MetricsPlugin

    return MetricsPlugin(app, settings)


@hookimpl
def register_routes() -> list[object]:
    """Return the route `/metrics`."""
    from portico_metrics.routes import MetricsRoutes

    return [MetricsRoutes]
