"""Ollama servers as model sources, and Ollama's own API for clients.

Each address is one source. Its models join the catalogue; requests and answers are converted between OpenAI's API and
Ollama's. Calls of models below `/ollama` take the same way as all others, so access, filters and budgets are the same.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from portico.api import AppContext, HealthCheck, PluginInfo, Section, hookimpl
from portico.api.connections import check_reachable
from portico.api.models import SourceProvider
from portico.api.policy import PackagedPolicy, ResourceKind
from portico_ollama.settings import OllamaSettings

if TYPE_CHECKING:
    from portico_ollama.components import OllamaPlugin

PLUGIN = PluginInfo(
    api_version=1,
    summary="Models of Ollama servers, and Ollama's API.",
    route_prefixes=("/ollama",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings of connections and their limits."""
    return OllamaSettings


@hookimpl
def register_components(app: AppContext, settings: OllamaSettings) -> object:
    """Build one source for each enabled connection, and what the routes use."""
    from portico_ollama.components import OllamaPlugin

    return OllamaPlugin(app, settings)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the servers, as what the policies are about. They have no rows that could be shared."""
    return [ResourceKind("ollama_server", "", (), collection_actions=("inspect", "manage"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of the servers."""
    return [PackagedPolicy("portico_policies", "ollama.csv")]


@hookimpl
def register_model_sources(plugin: "OllamaPlugin") -> Sequence[SourceProvider]:
    """Return the provider of one source for each enabled connection."""
    return [plugin.servers]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/ollama`."""
    from portico_ollama.routes.calls import OllamaCallRoutes
    from portico_ollama.routes.connections import OllamaConnectionRoutes
    from portico_ollama.routes.files import OllamaFileRoutes
    from portico_ollama.routes.management import OllamaManagementRoutes
    from portico_ollama.routes.models import OllamaModelRoutes

    return [
        OllamaModelRoutes,
        OllamaCallRoutes,
        OllamaManagementRoutes,
        OllamaConnectionRoutes,
        OllamaFileRoutes,
    ]


@hookimpl
async def startup(app: AppContext, settings: OllamaSettings) -> None:
    """Refuse connections that can never work, and start loading the model lists, so that the first request need not wait."""
    from portico_ollama.connection_config import check_settings

    check_settings(settings)
    await app.catalogue.start_refresh()


@hookimpl
def register_health_checks(app: AppContext) -> Sequence[HealthCheck]:
    """Return a check that names unreachable servers. It does not make Portico unready."""
    check = partial(check_reachable, app.catalogue, "ollama")
    return [HealthCheck("ollama connections", check, critical=False)]
