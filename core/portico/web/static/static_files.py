"""Serves the files of a folder with validators, ranges and compression.

A change of a file is noticed within CHECK_SECONDS. The ETag is made of the content: the builds of web clients often have
fixed times of change, so two releases of a page can have the same time and the same size.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from litestar.types import HTTPScope

from portico.errors import NotFound, OperatorError
from portico.web.response.byte_range import UnsatisfiableRange, read_range
from portico.web.response.compression import choose_coding, header_value
from portico.web.response.entity_tag import names_etag
from portico.web.static.file_contents import FileContents, offered_codings
from portico.web.static.file_response import FileResponse
from portico.web.static.found_file import FoundFile, find_file, is_valid_path
from portico.web.static.media_types import is_compressible, media_type

#: Seconds for which a file is served as it was found.
CHECK_SECONDS: Final = 1.0
#: Files whose facts are remembered.
MAX_FILES: Final = 10_000

_IMMUTABLE: Final = b"public, max-age=31536000, immutable"
_REVALIDATED: Final = b"no-cache"
_ACCEPTS_RANGES: Final = (b"accept-ranges", b"bytes")


class StaticFolderError(OperatorError):
    """The folder cannot be served. The text says why."""


@dataclass(slots=True)
class _KnownFile:
    """What is remembered of a file. `digest`: of its content, once it was read."""

    found: FoundFile
    checked_at: float
    digest: str = ""


class StaticFiles:
    """Serves one folder.

    `immutable`: folders in it, such as `_app/immutable`, whose files have a hash of their content in their names, so
    that browsers keep them for a year. `page`: the file that answers a browser which opens a path without a file, for
    clients that show different pages by themselves; "" = such a path is not found. `compress`: files without a compressed
    one beside them are compressed for clients that accept it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        immutable: Sequence[str] = (),
        page: str = "",
        compress: bool = True,
    ) -> None:
        self._folder, self._page = Path(os.path.realpath(folder)), page
        self._compress = compress
        self._immutable = tuple(f"{one.strip('/')}/" for one in immutable)
        self._entries: OrderedDict[str, _KnownFile] = OrderedDict()
        self._contents = FileContents()

    def check(self) -> None:
        """Check that the folder can be served. Reads the disk. Raises: StaticFolderError."""
        folder = self._folder
        if not folder.exists():
            raise StaticFolderError(f"there is no folder {folder}")
        if not folder.is_dir():
            raise StaticFolderError(f"{folder} is a file, not a folder")
        try:
            with os.scandir(folder) as found:
                next(found, None)
        except OSError as error:
            raise StaticFolderError(f"{folder} cannot be read: {error.strerror}") from None
        if self._page and find_file(folder, self._page) is None:
            raise StaticFolderError(f"{folder} has no {self._page}")

    async def respond(self, scope: HTTPScope, path: str) -> FileResponse:
        """Return the response to a GET or HEAD request for the file at `path`, relative to the folder.

        Raises: NotFound, also for a file outside of the folder.
        """
        if not path or path.endswith("/"):
            path += "index.html"
        entry = await self._find(path)
        if entry is None and self._page and await self._is_page(scope, path):
            path = self._page
            entry = await self._find(path)
        if entry is None:
            raise NotFound
        try:
            return await self._respond(scope, path, entry)
        except OSError:  # it was removed or replaced since it was found
            self._entries.pop(path, None)
            raise NotFound from None

    async def read(self, path: str) -> bytes | None:
        """Return the content of a file; None if there is none, or it is too large to be kept in memory."""
        entry = await self._find(path)
        if entry is None:
            return None
        try:
            content = await self._contents.of(entry.found, None)
        except OSError:
            return None
        return content if isinstance(content, bytes) else None

    async def _is_page(self, scope: HTTPScope, path: str) -> bool:
        """Return whether a browser opens this path as a page of the client. What is below one of its folders is a file."""
        if b"text/html" not in header_value(scope, b"accept") or not is_valid_path(path):
            return False
        first, separator, _ = path.partition("/")
        return not separator or not await asyncio.to_thread((self._folder / first).is_dir)

    def _is_immutable(self, path: str) -> bool:
        return path.startswith(self._immutable)

    async def _find(self, path: str) -> _KnownFile | None:
        entry, now = self._entries.get(path), asyncio.get_running_loop().time()
        if entry is not None and (
            now - entry.checked_at < CHECK_SECONDS or self._is_immutable(path)
        ):
            return entry
        found = await asyncio.to_thread(find_file, self._folder, path)
        if found is None:
            self._entries.pop(path, None)
            return None
        if entry is None or entry.found != found:
            entry = _KnownFile(found, now)
        entry.checked_at = now
        self._entries[path] = entry
        self._entries.move_to_end(path)
        while len(self._entries) > MAX_FILES:
            self._entries.popitem(last=False)
        return entry

    async def _respond(self, scope: HTTPScope, path: str, entry: _KnownFile) -> FileResponse:
        found, is_head = entry.found, scope["method"] == "HEAD"
        codings = offered_codings(found, is_compressible=self._compress and is_compressible(path))
        asked = b"" if is_head else header_value(scope, b"range")
        coding = None
        if codings and not asked:
            coding = choose_coding(header_value(scope, b"accept-encoding"), codings)
        content = await self._contents.of(found, coding)
        if not entry.digest:
            entry.digest = await self._contents.digest(found)
        etag = f'"{entry.digest}-{coding}"' if coding else f'"{entry.digest}"'
        headers = [
            (b"etag", etag.encode()),
            (b"cache-control", _IMMUTABLE if self._is_immutable(path) else _REVALIDATED),
        ]
        if codings:
            headers.append((b"vary", b"Accept-Encoding"))
        response = FileResponse(media_type(path), headers, is_head=is_head)
        if names_etag(header_value(scope, b"if-none-match").decode("latin-1"), etag):
            response.status = 304
            return response
        response.headers.append(
            (b"content-encoding", coding.encode()) if coding else _ACCEPTS_RANGES
        )
        response.set_body(content)
        condition = header_value(scope, b"if-range").strip()
        if asked and (not condition or condition == etag.encode()):
            try:
                if part := read_range(asked.decode("latin-1"), response.size):
                    response.cut(*part)
            except UnsatisfiableRange:
                response.refuse_range()
        return response
