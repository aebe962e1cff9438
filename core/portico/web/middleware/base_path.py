"""Serves everything below the path of `server.url`, such as `/portico` of https://example.org/portico.

A proxy in front may pass the path on or remove it: both reach the same routes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from portico.settings.problems import BadSettings, Problem

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

#: First parts of our own paths. A base path that begins so could not be told from them where a proxy removes it.
OWN_PARTS = frozenset(
    (
        "api", "cache", "docs", "health", "metrics", "oauth", "ollama", "openai", "openapi.json", "ready", "ws",
    )
)  # fmt: skip
_BASE_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*\Z")


def checked_base_path(url: str) -> str:
    """Return the path of `server.url` without a slash at the end; "" = none. Raises: BadSettings."""
    parts = urlsplit(url.strip())
    path = parts.path.rstrip("/")
    if parts.query or parts.fragment or not _BASE_PATH.match(path):
        reason = f"{url!r}: after the host comes at most a path of letters, digits and . _ ~ -"
        raise BadSettings([Problem("server.url", reason)])
    if path and path.split("/")[1] in OWN_PARTS:
        reason = f"{url!r}: its path begins like one of this server's own; choose another, such as /portico"
        raise BadSettings([Problem("server.url", reason)])
    return path


class BasePath:
    """An ASGI application that removes `path` from the beginning of each path."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket. Called by the server."""
        path, base = scope["path"], self._path
        if path == base or path.startswith(f"{base}/"):
            scope["path"] = path[len(base) :] or "/"
            raw, encoded = scope.get("raw_path") or b"", base.encode()
            if raw.startswith(encoded):
                scope["raw_path"] = raw[len(encoded) :] or b"/"
            else:
                scope["raw_path"] = quote(scope["path"]).encode()
        await self._app(scope, receive, send)
