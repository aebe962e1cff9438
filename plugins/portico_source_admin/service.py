"""What routes and commands do with sources: the catalogue knows them, the gateway what they are doing."""

import time

from portico.api import AppContext, NotFound
from portico_source_admin.schemas import SourceCheck, SourceListing, SourceView


class SourceService:
    """The model sources. Callers have checked access."""

    def __init__(self, app: AppContext) -> None:
        self._app = app

    async def list_sources(self) -> SourceListing:
        """Return what each source is doing in this process. Asks none of them."""
        catalogue = self._app.catalogue
        await catalogue.update_sources()
        views = [
            SourceView.of(status, self._app.gateway.activity(source))
            for status, source in zip(catalogue.statuses(), catalogue.sources(), strict=True)
        ]
        return SourceListing(instance=self._app.instance_channel.instance_id, sources=views)

    async def names(self) -> list[str]:
        """Return the names of all sources, in the order in which they are configured."""
        await self._app.catalogue.update_sources()
        return [source.name for source in self._app.catalogue.sources()]

    async def check(self, name: str) -> SourceCheck:
        """Have a source list its models now. One that does is asked again at once, if it was not. Raises: NotFound."""
        begun = time.monotonic()
        found = await self._app.catalogue.check(name)
        seconds = time.monotonic() - begun
        if found is None:
            raise NotFound
        source, status = found
        if status.state == "ok":
            self._app.gateway.allow_probe(source)
        view = SourceView.of(status, self._app.gateway.activity(source))
        return SourceCheck(source=view, seconds=round(seconds, 3))
