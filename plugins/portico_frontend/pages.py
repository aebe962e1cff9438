"""Answers the paths of browsers: documents of this server, then the files of the client."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlencode

from litestar.types import ASGIApp, HTTPScope

from portico.api import NotFound
from portico.api.web import JSONResponse, StaticFiles
from portico_frontend.documents import Documents
from portico_frontend.own_page import OwnPage

#: Paths of the page without a client. An OAuth provider sends the browser to `/auth`.
PAGE_PATHS = ("", "auth")
#: Pictures and texts that browsers and clients ask for at the top; all others are below `/static`.
ROOT_ASSETS = ("favicon.ico", "favicon.png", "robots.txt", "user.png")

_URL = re.compile(r"https?://\S+")
_YOUTUBE = re.compile(
    r"https?://(?:www\.|m\.)?(?:youtube\.com/(?:watch\?(?:\S*&)?v=|shorts/|embed/)|youtu\.be/)([\w-]+)"
)
#: Fields of a query that are read.
_MAX_FIELDS = 100


class BrowserPages:
    """The fallback: of the files of a built client, or of Portico's own page if there is no client.

    `assets`: the pictures of this plugin, which are served where the client has none of that name.
    """

    def __init__(
        self, documents: Documents, page: OwnPage | StaticFiles, assets: StaticFiles
    ) -> None:
        self._documents: dict[str, Callable[[HTTPScope], Awaitable[JSONResponse]]] = {
            "manifest.json": documents.manifest,
            "opensearch.xml": documents.opensearch,
        }
        self._page, self._assets = page, assets

    async def respond(self, scope: HTTPScope, path: str) -> ASGIApp:
        """Return the response to a request without a route. Raises: NotFound."""
        if build := self._documents.get(path):
            return await build(scope)
        if isinstance(self._page, OwnPage):
            if path in PAGE_PATHS:
                return await self._page.respond(scope)
            return await self._asset(scope, path)
        if target := shared_target(path, scope["query_string"]):
            headers = [(b"location", target.encode()), (b"cache-control", b"no-store")]
            return JSONResponse(b"", status=307, headers=headers)
        try:
            return await self._page.respond(scope, path)
        except NotFound:
            return await self._asset(scope, path)

    async def read(self, path: str) -> bytes | None:
        """Return the file that browsers get at a path below `static/`; None if there is none."""
        found = None if isinstance(self._page, OwnPage) else await self._page.read(path)
        return found if found is not None else await self._assets.read(path.removeprefix("static/"))

    async def _asset(self, scope: HTTPScope, path: str) -> ASGIApp:
        name = path.removeprefix("static/")
        if name != path or name in ROOT_ASSETS:
            # Browsers ask for this name, and read any format under it.
            name = "favicon.png" if name == "favicon.ico" else name
            return await self._assets.respond(scope, name)
        raise NotFound


def shared_target(path: str, query: bytes) -> str:
    """Return where the client shows what another app shares with it, or a video's page; "" = nothing is shared.

    Source: the contract of the client: `?shared=<text>` and `…/watch?v=<id>` become `/?q=`, `/?load-url=`, `/?youtube=`.
    """
    if b"shared=" not in query and not (path.endswith("watch") and b"v=" in query):
        return ""
    try:
        fields = parse_qs(query.decode(), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return ""
    target = {}
    if (path == "watch" or path.endswith("/watch")) and "v" in fields:
        target["youtube"] = fields["v"][0]
    text = fields.get("shared", [""])[0].strip()
    if video := _YOUTUBE.match(text):
        target["youtube"] = video[1]
    elif url := _URL.match(text):
        target["load-url"] = url[0]
    elif text:
        target["q"] = text
    return f"/?{urlencode(target)}" if target else ""
