"""A consistent copy of an SQLite file, made while others read and write it."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from portico.db.clock import now
from portico.db.shielded import run_to_completion
from portico.db.sqlite.file import SQLiteFile
from portico.db.sqlite.statements import raise_translated
from portico.errors import InvalidRequest

#: Seconds after which a copy of a process that was killed is deleted.
MAX_AGE_SECONDS: Final = 6 * 3600
#: Bytes that stay free on the disk beside a copy.
FREE_BYTES: Final = 64 * 1024 * 1024
NO_SPACE: Final = (
    "There is not enough free space on the server's disk for a copy of the database. "
    "Free some, or copy the file on the server."
)


async def copy_file(file: SQLiteFile) -> BinaryIO:
    """Return a copy as an open file without a name, which is gone when it is closed, or when the process ends.

    It has what was committed when the copy began, and is encrypted with the same password as the original. It is made in a
    thread, and neither readers nor writers wait for it. Raises: InvalidRequest if the disk is too full; Unavailable.
    """
    work = _Copying(file)
    task = asyncio.ensure_future(asyncio.to_thread(work.run))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        work.cancel()
        task.add_done_callback(_close_result)
        raise


@asynccontextmanager
async def named_copy(file: SQLiteFile) -> AsyncIterator[Path]:
    """Yield the path of such a copy, which is deleted at the end of the block. Raises as `copy_file`."""
    work = _Copying(file)
    task = asyncio.ensure_future(asyncio.to_thread(work.run_named))
    try:
        yield await asyncio.shield(task)
    finally:
        work.cancel()
        with suppress(Exception):
            _delete(await run_to_completion(task))


class _Copying:
    """One copy. `run` blocks; `cancel` ends it from another thread."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        self._connection: Any = None
        self._is_cancelled = False

    def run(self) -> BinaryIO:
        """Make the copy."""
        target = self.run_named()
        try:
            return target.open("rb")
        finally:
            _delete(target)

    def run_named(self) -> Path:
        """Make the copy, and return its path."""
        directory, prefix = self._file.path.parent, f".{self._file.path.name}.copy-"
        _delete_old_copies(directory, prefix)
        # Beside the original: a directory for temporary files may be in memory, and may be readable by others.
        descriptor, name = tempfile.mkstemp(prefix=prefix, dir=directory)
        os.close(descriptor)
        target = Path(name)
        try:
            self._fill(target)
        except BaseException:
            _delete(target)
            raise
        return target

    def cancel(self) -> None:
        """Have `run` raise soon."""
        self._is_cancelled = True
        if self._connection is not None:
            self._connection.interrupt()

    def _fill(self, target: Path) -> None:
        connection = self._connection = self._file.connect()
        try:
            connection.execute("PRAGMA query_only=0")  # it writes another file
            self._check_space(target.parent, connection)
            if not self._is_cancelled:
                connection.execute("VACUUM INTO ?", (str(target),))
        except self._file.errors as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise InvalidRequest(NO_SPACE) from error
            if isinstance(error, OSError):
                raise
            raise_translated(error)
        finally:
            self._connection = None
            connection.close()

    @staticmethod
    def _check_space(directory: Path, connection: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        # SQLCipher answers with texts.
        if shutil.disk_usage(directory).free < int(pages) * int(size) + FREE_BYTES:
            raise InvalidRequest(NO_SPACE)


def _delete_old_copies(directory: Path, prefix: str) -> None:
    """Delete copies of processes that were killed while they made them."""
    too_old = now() - MAX_AGE_SECONDS
    for path in directory.glob(f"{prefix}*"):
        with suppress(OSError):
            if path.stat().st_mtime < too_old:
                path.unlink()


def _delete(copy: Path) -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        copy.with_name(copy.name + ending).unlink(missing_ok=True)


def _close_result(task: "asyncio.Task[BinaryIO]") -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()
