"""The sources of all connections, as they are now."""

from collections.abc import Sequence

from portico.api import AppContext
from portico.api.models import ModelSource
from portico_openai.caller_headers import CallerHeaders
from portico_openai.connection import OpenAIConnection, all_connections, connections
from portico_openai.settings import OpenAISettings
from portico_openai.source import OpenAISource


class OpenAISources:
    """A `SourceProvider`: one source for each enabled connection. One whose connection did not change stays the same."""

    def __init__(self, app: AppContext, settings: OpenAISettings) -> None:
        self._app = app
        self._section = app.runtime_settings.section(OpenAISettings)
        self._settings = settings
        self._caller_headers = CallerHeaders(app, settings)
        self._sources = tuple(self._made(each) for each in connections(settings))

    async def current_sources(self) -> Sequence[ModelSource]:
        """Return the sources in the order of the connections (part of `SourceProvider`)."""
        settings = await self._section.current()
        if settings is not self._settings:
            known = self._sources
            self._sources = tuple(
                next((one for one in known if one.connection == each), None) or self._made(each)
                for each in connections(settings)
            )
            self._settings = settings
        return self._sources

    async def connection(self, index: int) -> OpenAIConnection | None:
        """Return the connection at this position, also a disabled one; None if there is none."""
        every = all_connections(await self._section.current())
        return every[index] if 0 <= index < len(every) else None

    async def source(self, index: int) -> OpenAISource | None:
        """Return the source of the connection at this position; None if there is none or it is disabled."""
        await self.current_sources()
        return next((one for one in self._sources if one.connection.index == index), None)

    def source_of(self, connection: OpenAIConnection) -> OpenAISource:
        """Return a source of a connection that is not among the settings, such as one that is being verified."""
        return self._made(connection)

    def _made(self, connection: OpenAIConnection) -> OpenAISource:
        return OpenAISource(
            connection, self._section.configured, self._app.http, self._caller_headers
        )
