"""The settings of the catalogue as they are now: administrators change some of them while the server runs."""

from collections.abc import Sequence
from typing import Protocol

from portico.catalogue.arena import Arena, arenas
from portico.settings.catalogue import CatalogueSettings


class CatalogueSettingsReader(Protocol):
    """Reads the settings, such as `RuntimeSection`."""

    async def current(self) -> CatalogueSettings:
        """Return the settings now; the same object until they change."""
        ...


class CurrentSettings:
    """The settings as they were read last, and the arena models that they configure."""

    def __init__(self, reader: CatalogueSettingsReader) -> None:
        self._reader = reader
        self.now = CatalogueSettings()
        self.arenas: Sequence[Arena] = ()
        self._is_read = False

    async def refresh(self) -> bool:
        """Read the settings. Return whether they have changed."""
        settings = await self._reader.current()
        if self._is_read and (settings is self.now or settings == self.now):
            self.now = settings
            return False
        self.now, self.arenas, self._is_read = settings, arenas(settings), True
        return True
