"""The routes of sources. What they do is in `service.py`."""

from typing import Annotated

from litestar.params import PathParameter

from portico.api.web import Controller, JSONResponse, get, json_response, post
from portico_source_admin.schemas import SourceCheck, SourceListing
from portico_source_admin.service import SourceService

SOURCES_PATH = "/api/v1/sources"

SourceName = Annotated[str, PathParameter(description="Name of the source.")]


class SourceRoutes(Controller):
    """`/api/v1/sources`: the model sources."""

    plugin: SourceService

    @get(SOURCES_PATH, requires="source:read", response_type=SourceListing)
    async def list_sources(self) -> JSONResponse:
        """List the sources with what each is doing, in the process that answers, and why. Asks none of them."""
        return json_response(await self.plugin.list_sources())

    @post(
        f"{SOURCES_PATH}/{{source_name:str}}/check",
        requires="source:check",
        response_type=SourceCheck,
    )
    async def check_source(self, source_name: SourceName) -> JSONResponse:
        """Have a source list its models now, and return how long that took. 200 also if it fails: see `state`, `reason`.

        A source that works is sent the next call, even if it was not asked after failures. 404 if there is none.
        """
        return json_response(await self.plugin.check(source_name))
