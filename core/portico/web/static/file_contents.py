"""The contents of files, compressed or as they are: read in threads, and kept in a bounded cache."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

from portico.cache import BytesCache
from portico.web.response.compression import COMPRESSORS, MIN_BYTES
from portico.web.static.found_file import FoundFile

T = TypeVar("T")

#: Codings in the order in which they are preferred, with the level at which a file is compressed once.
LEVELS: Final = {"br": 5, "zstd": 9, "gzip": 6}
#: Bytes of a file that is kept in memory as it is; larger ones are read from the disk each time.
MAX_KEPT_BYTES: Final = 1024 * 1024
#: Bytes of a file that is compressed when it is first asked for.
MAX_COMPRESSED_BYTES: Final = 16 * 1024 * 1024
#: Bytes of all contents in memory.
MAX_CACHE_BYTES: Final = 32 * 1024 * 1024
#: Threads that read and compress at a time, so that others find one.
MAX_THREADS: Final = 2
_CACHE_SECONDS: Final = 86_400.0


class FileContents:
    """Reads files. A file is known by its path and version, so a changed one is another file."""

    def __init__(self) -> None:
        self._cache = BytesCache(_CACHE_SECONDS, MAX_CACHE_BYTES)
        self._loading: dict[tuple[FoundFile, str | None], asyncio.Task[bytes]] = {}
        self._threads = asyncio.Semaphore(MAX_THREADS)

    async def of(self, found: FoundFile, coding: str | None) -> bytes | FoundFile:
        """Return the bytes of a file in this coding, or the file that has them. Raises: OSError."""
        if coding is not None and coding in found.siblings:
            found, coding = found.siblings[coding], None
        if coding is None and found.size > MAX_KEPT_BYTES:
            return found
        key = (str(found.path), found.version, coding)
        kept = self._cache.get(key)
        if kept is None:
            kept = await self._load(found, coding)
            self._cache.put(key, kept)
        return kept

    async def digest(self, found: FoundFile) -> str:
        """Return a hash of a file's content. Raises: OSError."""
        return await self._in_thread(_digest, found)

    async def _load(self, found: FoundFile, coding: str | None) -> bytes:
        """Read a file, once for all who ask for it at the same time."""
        task = self._loading.get((found, coding))
        if task is None:
            task = asyncio.create_task(self._in_thread(_content, found, coding))
            self._loading[found, coding] = task
            task.add_done_callback(lambda _: self._loading.pop((found, coding), None))
        return await asyncio.shield(task)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        async with self._threads:
            return await asyncio.to_thread(work, *arguments)


def offered_codings(found: FoundFile, *, is_compressible: bool) -> list[str]:
    """Return the codings in which a file can be sent, the preferred first."""
    own = is_compressible and MIN_BYTES <= found.size <= MAX_COMPRESSED_BYTES
    return [one for one in LEVELS if own or one in found.siblings]


def _content(found: FoundFile, coding: str | None) -> bytes:
    with found.open() as file:
        content = file.read()
    return COMPRESSORS[coding](content, LEVELS[coding]) if coding else content


def _digest(found: FoundFile) -> str:
    with found.open() as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
