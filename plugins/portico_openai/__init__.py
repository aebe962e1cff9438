"""OpenAI-compatible model sources: OpenAI itself, and every provider with the same API.

Each base URL is one source. Its models join the catalogue and its response bytes pass through; its key, address and
error texts are never sent to clients. Administrators change the connections while the server runs.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from portico.api import AppContext, HealthCheck, PluginInfo, Section, SourceFailed, hookimpl
from portico.api.models import SourceProvider
from portico_openai.settings import OpenAISettings

if TYPE_CHECKING:
    from portico_openai.components import OpenAIPlugin

PLUGIN = PluginInfo(
    api_version=1,
    summary="Models of OpenAI and of OpenAI-compatible providers.",
    route_prefixes=("/openai",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings of connections and their limits."""
    return OpenAISettings


@hookimpl
def register_components(app: AppContext, settings: OpenAISettings) -> "OpenAIPlugin":
    """Build the sources and what changes them."""
    from portico_openai.components import build_components

    return build_components(app, settings)


@hookimpl
def register_model_sources(plugin: "OpenAIPlugin") -> Sequence[SourceProvider]:
    """Return the provider of one source for each enabled connection."""
    return [plugin.sources]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/openai`."""
    from portico_openai.routes import ConnectionRoutes, ProviderRoutes

    return [ConnectionRoutes, ProviderRoutes]


@hookimpl
async def startup(app: AppContext, settings: OpenAISettings) -> None:
    """Refuse connections that can never work, and start loading the model lists, so that the first request need not wait."""
    from portico_openai.connection_config import check_settings

    check_settings(settings)
    await app.catalogue.start_refresh()


@hookimpl
def register_health_checks(app: AppContext) -> Sequence[HealthCheck]:
    """Return a check that names unreachable connections. It does not make the server unready."""

    async def check_connections() -> None:
        down = [
            f"{state.name} ({state.state}): {state.reason}"
            for state in app.catalogue.statuses()
            if state.plugin == "openai" and state.reason
        ]
        if down:
            raise SourceFailed("; ".join(down))

    return [HealthCheck("openai connections", check_connections, critical=False)]
