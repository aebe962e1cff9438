"""A lock between the processes that have an SQLite file open and one that replaces it.

The lock is on a file beside the database and ends with the process that holds it.
"""

import os
from pathlib import Path
from types import TracebackType

from portico.db.errors import BadDatabase


def lock_file(path: Path) -> Path:
    """Return the lock file of a database. It is empty and is never deleted."""
    return path.with_name(f"{path.name}.lock")


def open_lock(file: Path, database: Path) -> int:
    """Open a lock file and return its descriptor. Creates it if it is missing, readable by its owner only.

    If root creates it, it gets the owner of the database, so that the server can take the lock later.
    """
    lock = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = (database if database.exists() else database.parent).stat()
        os.fchown(lock, owner.st_uid, owner.st_gid)
    return lock


class DatabaseFileLock:
    """A lock on a database file. Raises: BadDatabase if another process holds a conflicting lock.

    Shared by the processes that use the database. `exclusive`: no other process may have it open or open it.
    """

    def __init__(self, path: Path, *, exclusive: bool = False) -> None:
        import fcntl  # noqa: PLC0415 - Windows has none

        self._lock = open_lock(lock_file(path), path)
        how = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
        try:
            fcntl.flock(self._lock, how)
        except BlockingIOError:
            os.close(self._lock)
            raise BadDatabase(
                f"{path} is in use: stop every server and command that has it open first"
                if exclusive
                else f"{path} is being encrypted, decrypted or rekeyed; try again after that"
            ) from None

    def release(self) -> None:
        """Release the lock."""
        os.close(self._lock)

    def __enter__(self) -> "DatabaseFileLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
