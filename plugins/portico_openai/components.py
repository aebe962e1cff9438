"""The objects of this plugin, built once per application."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from portico.api import AppContext
from portico_openai.chat_calls import ChatCalls
from portico_openai.connection_config import OpenAIConnectionConfig
from portico_openai.provider_lists import ProviderLists
from portico_openai.settings import OpenAISettings
from portico_openai.sources import OpenAISources

if TYPE_CHECKING:
    from portico_openai.passthrough import Passthrough


@dataclass(frozen=True)
class OpenAIPlugin:
    """What hooks and routes receive as `plugin`."""

    app: AppContext
    settings: OpenAISettings
    sources: OpenAISources
    config: OpenAIConnectionConfig
    lists: ProviderLists
    chats: ChatCalls

    @cached_property
    def passthrough(self) -> "Passthrough":
        """What sends any request to the first connection, built with the first one: it imports the HTTP client."""
        from portico_openai.passthrough import Passthrough

        return Passthrough(self.settings, self.sources)


def build_components(app: AppContext, settings: OpenAISettings) -> OpenAIPlugin:
    """Build the sources and what changes them."""
    sources = OpenAISources(app, settings)
    return OpenAIPlugin(
        app,
        settings,
        sources,
        OpenAIConnectionConfig(app),
        ProviderLists(app, sources),
        ChatCalls(app),
    )
