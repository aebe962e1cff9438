"""Ollama servers as model sources.

Each address is one source. Its models join the catalogue; requests and answers are converted between OpenAI's API and
Ollama's.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from portico.api import AppContext, HealthCheck, PluginInfo, Section, SourceFailed, hookimpl
from portico.api.models import ModelSource
from portico_ollama.settings import OllamaSettings

if TYPE_CHECKING:
    from portico_ollama.servers import OllamaServers

PLUGIN = PluginInfo(api_version=1, summary="Models of Ollama servers.")


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings of connections and their limits."""
    return OllamaSettings


@hookimpl
def register_components(app: AppContext, settings: OllamaSettings) -> object:
    """Build one source for each enabled connection."""
    from portico_ollama.servers import OllamaServers

    return OllamaServers(settings, app.http)


@hookimpl
def register_model_sources(plugin: "OllamaServers") -> Sequence[ModelSource]:
    """Return one source for each enabled connection."""
    return plugin.sources


@hookimpl
async def startup(app: AppContext) -> None:
    """Start loading the model lists, so that the first request need not wait."""
    await app.catalogue.start_refresh()


@hookimpl
def register_health_checks(app: AppContext, plugin: "OllamaServers") -> Sequence[HealthCheck]:
    """Return a check that names unreachable servers. It does not make the server unready."""

    async def check_servers() -> None:
        names = {source.name for source in plugin.sources}
        down = [
            f"{state.name} ({state.state}): {state.reason}"
            for state in app.catalogue.statuses()
            if state.name in names and state.reason
        ]
        if down:
            raise SourceFailed("; ".join(down))

    return [HealthCheck("ollama connections", check_servers, critical=False)]
