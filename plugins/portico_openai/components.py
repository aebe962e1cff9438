"""The objects of the plugin, built once and shared by its hooks and routes."""

from dataclasses import dataclass

from portico.api import AppContext
from portico_openai.connection_config import ConnectionConfig
from portico_openai.settings import OpenAISettings
from portico_openai.sources import OpenAISources


@dataclass(frozen=True, slots=True)
class OpenAIPlugin:
    """What hooks and routes receive as `plugin`."""

    app: AppContext
    settings: OpenAISettings
    sources: OpenAISources
    config: ConnectionConfig


def build_components(app: AppContext, settings: OpenAISettings) -> OpenAIPlugin:
    """Build the sources and what changes them."""
    return OpenAIPlugin(app, settings, OpenAISources(app, settings), ConnectionConfig(app))
