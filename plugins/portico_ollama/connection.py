"""The connections to Ollama servers that result from the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from portico.api import Secret
from portico.api.connections import options_at, trimmed, unique_name
from portico_ollama.connection_options import OllamaOptions
from portico_ollama.settings import DEFAULT_BASE_URL, OllamaSettings

#: Addresses of older deployments end so.
API_SUFFIX: Final = "/api"


@dataclass(frozen=True, slots=True)
class OllamaConnection:
    """One server. `index`: its position in the settings. `is_assumed`: no address was set, so it may not exist."""

    index: int
    name: str
    url: str
    options: OllamaOptions
    is_assumed: bool = False

    @property
    def key(self) -> Secret:
        """The key that is sent as a bearer token."""
        return self.options.key


def connections(settings: OllamaSettings) -> Sequence[OllamaConnection]:
    """Return the enabled connections. The name of one does not depend on whether another is enabled."""
    if not settings.enable:
        return []
    return [one for one in all_connections(settings) if one.options.enable and one.url]


def all_connections(settings: OllamaSettings) -> Sequence[OllamaConnection]:
    """Return all connections, disabled ones and those without a URL too, with unique names."""
    result: list[OllamaConnection] = []
    for index, given in enumerate(settings.base_urls or [DEFAULT_BASE_URL]):
        options = options_at(settings.configs, index, given) or OllamaOptions()
        name = unique_name(options.name or "ollama", {other.name for other in result})
        assumed = not settings.base_urls
        result.append(OllamaConnection(index, name, server_url(given), options, assumed))
    return result


def server_url(url: str) -> str:
    """Return an address without what its paths are appended to."""
    return trimmed(trimmed(url).removesuffix(API_SUFFIX))
