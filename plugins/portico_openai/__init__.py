"""OpenAI-compatible model sources: OpenAI itself, and every provider with the same API.

Each base URL is one source. Its models join the catalogue and its response bytes pass through; its key, address and
error texts are never sent to clients.
"""

from collections.abc import Sequence

from portico.api import AppContext, HealthCheck, PluginInfo, Section, SourceFailed, hookimpl
from portico.api.models import ModelSource
from portico_openai.settings import OpenAISettings, connections
from portico_openai.source import OpenAISource

PLUGIN = PluginInfo(api_version=1, summary="Models of OpenAI and of OpenAI-compatible providers.")


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings of connections and their limits."""
    return OpenAISettings


@hookimpl
def register_components(app: AppContext, settings: OpenAISettings) -> object:
    """Build one source for each enabled connection."""
    return tuple(OpenAISource(each, settings, app.http) for each in connections(settings))


@hookimpl
def register_model_sources(plugin: tuple[OpenAISource, ...]) -> Sequence[ModelSource]:
    """Return one source for each enabled connection."""
    return plugin


@hookimpl
async def startup(app: AppContext) -> None:
    """Start loading the model lists, so that the first request need not wait."""
    await app.catalogue.start_refresh()


@hookimpl
def register_health_checks(
    app: AppContext, plugin: tuple[OpenAISource, ...]
) -> Sequence[HealthCheck]:
    """Return a check that names unreachable connections. It does not make the server unready."""
    names = {source.name for source in plugin}

    async def check_connections() -> None:
        down = [
            f"{state.name} ({state.state}): {state.reason}"
            for state in app.catalogue.statuses()
            if state.name in names and state.reason
        ]
        if down:
            raise SourceFailed("; ".join(down))

    return [HealthCheck("openai connections", check_connections, critical=False)]
