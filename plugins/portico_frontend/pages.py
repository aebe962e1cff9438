"""Answers the paths of browsers: documents of this server, then the files of the client."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlencode

from litestar.types import ASGIApp, HTTPScope

from portico.api import NotFound
from portico.api.web import JSONResponse, StaticFiles
from portico_frontend.documents import Documents

_URL = re.compile(r"https?://\S+")
_YOUTUBE = re.compile(
    r"https?://(?:www\.|m\.)?(?:youtube\.com/(?:watch\?(?:\S*&)?v=|shorts/|embed/)|youtu\.be/)([\w-]+)"
)
#: Fields of a query that are read.
_MAX_FIELDS = 100


class BrowserPages:
    """The fallback. `client`: the files of a built client; None = there is none."""

    def __init__(self, documents: Documents, client: StaticFiles | None) -> None:
        self._documents: dict[str, Callable[[HTTPScope], Awaitable[JSONResponse]]] = {
            "manifest.json": documents.manifest,
            "opensearch.xml": documents.opensearch,
        }
        self._client = client

    async def respond(self, scope: HTTPScope, path: str) -> ASGIApp:
        """Return the response to a request without a route. Raises: NotFound."""
        if build := self._documents.get(path):
            return await build(scope)
        if self._client is None:
            raise NotFound
        if target := shared_target(path, scope["query_string"]):
            headers = [(b"location", target.encode()), (b"cache-control", b"no-store")]
            return JSONResponse(b"", status=307, headers=headers)
        return await self._client.respond(scope, path)


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
