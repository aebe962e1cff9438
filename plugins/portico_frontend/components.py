"""The objects of this plugin, built once per application."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from portico.api import AppContext, OperatorError
from portico_frontend.settings import FrontendSettings

if TYPE_CHECKING:
    from portico.api.web import Fallback, StaticFiles
    from portico_frontend.pages import BrowserPages

#: The pictures of this plugin.
ASSETS = Path(__file__).parent / "static"
#: Folders of the client whose files have a hash of their content in their names.
IMMUTABLE_FOLDERS = ("_app/immutable",)


class FrontendPlugin:
    """Answers the paths of browsers. Processes that serve no requests never import what that needs."""

    def __init__(self, app: AppContext, settings: FrontendSettings) -> None:
        self._app, self._dir, self._manifest_url = app, settings.dir, settings.manifest_url
        self._client: StaticFiles | None = None
        self._pages: BrowserPages | None = None

    def fallback(self) -> "Fallback":
        """Return the fallback for all paths."""
        from portico.api.web import Fallback, StaticFiles
        from portico_frontend.documents import Documents
        from portico_frontend.own_page import OwnPage
        from portico_frontend.pages import BrowserPages

        documents, assets = Documents(self._app, self._manifest_url), StaticFiles(ASSETS)
        if not self._dir:
            page = OwnPage(self._app)
            self._pages = pages = BrowserPages(documents, page, assets)
            return Fallback("/", pages.respond, page.content_policy)
        self._client = StaticFiles(
            Path(self._dir).absolute(),
            immutable=IMMUTABLE_FOLDERS,
            page="index.html",
            compress=self._app.settings.server.compress_responses,
        )
        self._pages = BrowserPages(documents, self._client, assets)
        return Fallback("/", self._pages.respond)

    async def read(self, path: str) -> bytes | None:
        """Return the picture that browsers get at a path below `static/`; None in a process that serves no requests."""
        return await self._pages.read(path) if self._pages else None

    async def check(self) -> None:
        """Check the folder of the client, if this process serves one. Raises: OperatorError."""
        if self._client is None:
            return
        if base_path := self._app.settings.server.base_path:
            raise OperatorError(
                f"server.url (WEBUI_URL) has the path {base_path}, and frontend.dir (PORTICO_FRONTEND_DIR) names a web "
                "client, whose addresses begin at /. Give the client a host name of its own, or leave one of them empty"
            )
        try:
            await asyncio.to_thread(self._client.check)
        except OperatorError as error:
            raise OperatorError(
                f"frontend.dir (PORTICO_FRONTEND_DIR): {error}. Name the folder of a built web client, "
                "or leave it empty"
            ) from None
