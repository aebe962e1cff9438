"""OpenAI-compatible model sources: OpenAI itself, and every provider with the same API.

Each base URL is one source. Its models join the catalogue and its response bytes pass through; its key, address and
error texts are never sent to clients. Administrators change the connections while the server runs.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from portico.api import AppContext, HealthCheck, PluginInfo, Section, hookimpl
from portico.api.connections import check_reachable
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
    check = partial(check_reachable, app.catalogue, "openai")
    return [HealthCheck("openai connections", check, critical=False)]
