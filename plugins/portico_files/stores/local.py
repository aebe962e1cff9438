"""Files in a directory of this machine, or one that all instances share."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import structlog

from portico.api import NotFound, OperatorError, Unavailable
from portico_files.stores import AWAY, BLOCK_BYTES, NO_SPACE

log = structlog.get_logger("portico.files")

#: Threads that read and write.
THREADS: Final = 8
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

T = TypeVar("T")


class LocalStore:
    """Files below `root`, each in a directory with the first two characters of its key.

    `is_chosen`: the operator has named the directory. Then a server that cannot use it does not start; else it starts without
    storing files, since a server with PostgreSQL may have no directory of its own.
    """

    def __init__(self, root: Path, threads: ThreadPoolExecutor, *, is_chosen: bool) -> None:
        self._root, self._threads = root, threads
        self._is_chosen, self._is_usable = is_chosen, True

    async def start(self) -> None:
        """Create the directory (part of `FileStore`). Raises: OperatorError."""
        try:
            if not self._root.is_dir():
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                _give_owner(self._root, self._root.parent)
            usable = os.access(self._root, os.R_OK | os.W_OK | os.X_OK)
            reason = "no permission to write there"
        except OSError as error:
            usable, reason = False, str(error.strerror)
        if usable:
            return
        if self._is_chosen:
            raise OperatorError(
                f"files.directory: the directory {self._root} cannot be used: {reason}. Make it writable for this "
                "process, or name another one."
            )
        self._is_usable = False
        log.warning("files cannot be stored", directory=str(self._root), reason=reason)

    def create(self, key: str) -> "NewLocalObject":
        """Return a new object (part of `FileStore`). Raises: Unavailable."""
        if not self._is_usable:
            raise Unavailable(AWAY)
        return NewLocalObject(self._path(key), self._in_thread)

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield blocks (part of `FileStore`)."""
        file = await self._in_thread(lambda: self._path(key).open("rb"))
        try:
            for place in range(start, end, BLOCK_BYTES):
                size = min(BLOCK_BYTES, end - place)
                block = await self._in_thread(lambda at=place, n=size: _read_at(file, at, n))  # type: ignore[misc]
                if not block:
                    raise NotFound  # shorter than it was
                yield block
        finally:
            file.close()

    async def exists(self, key: str) -> bool:
        """Return whether there is such a file (part of `FileStore`)."""
        return await self._in_thread(self._path(key).is_file)

    async def delete(self, key: str) -> None:
        """Delete a file (part of `FileStore`)."""
        await self._in_thread(lambda: self._path(key).unlink(missing_ok=True))

    async def keys(self) -> AsyncIterator[str]:
        """Yield the names of all files (part of `FileStore`)."""
        for directory in await self._in_thread(lambda: sorted(self._root.iterdir())):
            for path in await self._in_thread(lambda of=directory: sorted(of.iterdir())):  # type: ignore[misc]
                yield path.name

    async def close(self) -> None:
        """Do nothing: the threads belong to the plugin (part of `FileStore`)."""

    def _path(self, key: str) -> Path:
        return self._root / key[:2] / key

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def translated() -> T:
            with unavailable_errors():
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, translated)


class NewLocalObject:
    """A file that is being written."""

    def __init__(
        self, path: Path, in_thread: Callable[[Callable[[], None]], Awaitable[None]]
    ) -> None:
        self._path, self._in_thread = path, in_thread
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        """Append to the file (part of `NewObject`)."""
        with unavailable_errors():
            if self._file is None:
                self._file = self._open()
            self._file.write(data)

    async def keep(self) -> None:
        """Have the disk write everything (part of `NewObject`)."""
        await self._in_thread(self._finish)

    def discard(self) -> None:
        """Close the file. The row of the object has it deleted (part of `NewObject`)."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what is buffered may not fit on the disk
                self._file.close()
            self._file = None

    def _open(self) -> BinaryIO:
        def opener(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW, 0o600)

        folder = self._path.parent
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            _give_owner(folder, folder.parent)
            _sync_directory(folder.parent)
        file = open(self._path, "wb", opener=opener)  # noqa: PTH123, SIM115 - closed by `discard`
        _give_owner(self._path, folder)
        return file

    def _finish(self) -> None:
        if self._file is None:
            self._file = self._open()  # an empty file
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        _sync_directory(self._path.parent)


def _read_at(file: BinaryIO, place: int, size: int) -> bytes:
    return os.pread(file.fileno(), size, place)


def _give_owner(path: Path, like: Path) -> None:
    """Have what a command run by root creates belong to the user of the server, who owns what is above."""
    if os.geteuid() == 0:
        status = like.stat()
        os.chown(path, status.st_uid, status.st_gid)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextlib.contextmanager
def unavailable_errors() -> Iterator[None]:
    """Translate errors of the operating system. Raises: Unavailable; NotFound for a file that does not exist."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound from None
    except OSError as error:
        is_full = error.errno in _FULL
        log.error("files cannot be stored", error=type(error).__name__, reason=error.strerror)
        raise Unavailable(NO_SPACE if is_full else AWAY) from error
