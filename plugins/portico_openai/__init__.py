"""OpenAI-compatible model sources: OpenAI itself, and everybody who speaks like it.

Each base URL is one source. Its models join the catalogue, its bytes pass through; its key, its address and what it
says when it fails stay here.
"""

from collections.abc import Sequence

from portico.api import (
    AppContext,
    HealthCheck,
    ModelSource,
    PluginInfo,
    Section,
    SourceFailed,
    hookimpl,
)
from portico_openai.settings import OpenAISettings, connections
from portico_openai.source import OpenAISource

PLUGIN = PluginInfo(api_version=1, summary="Models of OpenAI and of providers that speak like it.")


@hookimpl
def register_settings() -> type[Section]:
    """The connections and their limits."""
    return OpenAISettings


@hookimpl
def register_model_sources(app: AppContext, settings: OpenAISettings) -> Sequence[ModelSource]:
    """One source for each enabled connection."""
    return [OpenAISource(each, settings, app.http_session) for each in connections(settings)]


@hookimpl
def startup(app: AppContext) -> None:
    """Has the lists fetched before the first person asks for them."""
    app.catalogue.start_refresh()


@hookimpl
def register_health_checks(app: AppContext, settings: OpenAISettings) -> Sequence[HealthCheck]:
    """Says which connections are down. The house stays fit to serve without them."""

    async def probe() -> None:
        names = {connection.name for connection in connections(settings)}
        down = [
            f"{state.name} ({state.state}): {state.reason}"
            for state in app.catalogue.states()
            if state.name in names and state.reason
        ]
        if down:
            raise SourceFailed("; ".join(down))

    return [HealthCheck("openai connections", probe, critical=False)]
