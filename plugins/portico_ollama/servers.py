"""The sources of all connections to Ollama servers, as they are now."""

from collections.abc import Sequence

from portico.api import AppContext
from portico.api.models import ModelSource
from portico_ollama.connection import OllamaConnection, connections
from portico_ollama.settings import OllamaSettings
from portico_ollama.source import OllamaSource


class OllamaServers:
    """A `SourceProvider`: one source for each enabled connection. One whose connection did not change stays the same.

    `sources`: in the order of the connections. `is_enabled`: whether servers may be used at all. Both as they were when
    `current_sources` was last called.
    """

    def __init__(self, app: AppContext, settings: OllamaSettings) -> None:
        self._app = app
        self._section = app.runtime_settings.section(OllamaSettings)
        self._settings = settings
        self.is_enabled = settings.enable
        self.sources = tuple(map(self.source_of, connections(settings)))

    async def current_sources(self) -> Sequence[ModelSource]:
        """Return the sources in the order of the connections (part of `SourceProvider`)."""
        settings = await self._section.current()
        if settings is not self._settings:
            known = self.sources
            self.sources = tuple(
                next((one for one in known if one.connection == each), None) or self.source_of(each)
                for each in connections(settings)
            )
            self.is_enabled = settings.enable
            self._settings = settings
        return self.sources

    def holders(self, model_id: str) -> Sequence[int]:
        """Return the numbers of the connections that offer a model, as far as their lists were read."""
        return [one.connection.index for one in self.sources if model_id in one.model_ids]

    def source_of(self, connection: OllamaConnection) -> OllamaSource:
        """Return a source of a connection, also of one that is not among the settings."""
        return OllamaSource(
            connection,
            self._section.configured,
            self._app.http,
            self.holders,
            forward_user_info=self._app.settings.catalogue.forward_user_info,
        )
