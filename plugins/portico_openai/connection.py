"""The connections that result from the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from portico.api import Secret
from portico.api.connections import options_at, trimmed, unique_name
from portico_openai.connection_options import DEFAULT_API_VERSION, OpenAIOptions
from portico_openai.settings import OpenAISettings

OPENAI_BASE_URL: Final = "https://api.openai.com/v1"
#: The endpoints of providers whose options do not name them, by host.
_USUAL_OPERATIONS: Final = {
    "api.openai.com": frozenset({"chat", "embeddings", "responses"}),
    "api.anthropic.com": frozenset({"chat", "messages"}),
}
_OTHER_OPERATIONS: Final = frozenset({"chat", "embeddings"})


@dataclass(frozen=True, slots=True)
class OpenAIConnection:
    """One provider. `index`: its position in the settings, which clients know as `urlIdx`."""

    index: int
    name: str
    url: str
    key: Secret
    options: OpenAIOptions

    @property
    def host(self) -> str:
        """The host name in the URL, in lower case; empty if the URL cannot be read."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI itself, not a compatible provider."""
        return self.host == "api.openai.com"

    @property
    def azure_version(self) -> str | None:
        """The version of Azure's API with deployments in paths; None if this is not Azure, or Azure with OpenAI's own paths."""
        if not self.options.azure or self.url.endswith("/openai/v1"):
            return None
        return self.options.api_version or DEFAULT_API_VERSION

    @property
    def operations(self) -> frozenset[str]:
        """The endpoints that the provider has."""
        if self.options.operations is not None:
            return frozenset(self.options.operations)
        return _USUAL_OPERATIONS.get(self.host, _OTHER_OPERATIONS)

    @property
    def includes_usage(self) -> bool:
        """Whether the provider is asked for the usage of each stream."""
        given = self.options.include_usage
        return self.is_openai if given is None else given


def connections(settings: OpenAISettings) -> Sequence[OpenAIConnection]:
    """Return the enabled connections. The name of one does not depend on whether another is enabled."""
    if not settings.enable:
        return []
    return [one for one in all_connections(settings) if one.options.enable and one.url]


def all_connections(settings: OpenAISettings) -> Sequence[OpenAIConnection]:
    """Return all connections, disabled ones and those without a URL too, with unique names.

    Keys are cut or padded to the number of URLs.
    """
    urls = settings.base_urls or ([OPENAI_BASE_URL] if any(settings.keys) else [])
    result: list[OpenAIConnection] = []
    names: set[str] = set()
    for index, url in enumerate(map(trimmed, urls)):
        options = options_at(settings.configs, index, url) or OpenAIOptions()
        key = (
            Secret(settings.keys[index].reveal().strip())
            if index < len(settings.keys)
            else Secret()
        )
        name = unique_name(options.name or "openai", names)
        names.add(name)
        result.append(OpenAIConnection(index, name, url, key, options))
    return result
