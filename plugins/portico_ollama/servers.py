"""The Ollama servers of this process, one source for each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from portico_ollama.settings import OllamaSettings, connections
from portico_ollama.source import OllamaSource

if TYPE_CHECKING:
    from portico.api.sources import OutgoingHTTP


class OllamaServers:
    """Builds the sources of the enabled connections.

    `sources`: in the order of the settings. `is_enabled`: whether servers may be used at all.
    """

    def __init__(self, settings: OllamaSettings, http: "OutgoingHTTP") -> None:
        self._http = http
        self.is_enabled = settings.enable
        self.sources = self._built(settings)

    def holders(self, model_id: str) -> Sequence[int]:
        """Return the numbers of the connections that offer a model, as far as their lists were read."""
        return [one.connection.index for one in self.sources if model_id in one.model_ids]

    def _built(self, settings: OllamaSettings) -> Sequence[OllamaSource]:
        return tuple(
            OllamaSource(each, settings, self._http, self.holders) for each in connections(settings)
        )
