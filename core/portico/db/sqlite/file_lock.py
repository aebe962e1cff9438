"""Who has a SQLite file open: any number who use it, or one who puts another in its place.

The lock is on a file beside it and ends with the process that holds it.
"""

import os
from pathlib import Path
from types import TracebackType

from portico.db.errors import BadDatabase


def lock_file(path: Path) -> Path:
    """The file beside a database that stands for its being in use. It is left behind, empty."""
    return path.with_name(f"{path.name}.lock")


def open_lock(file: Path, database: Path) -> int:
    """A descriptor of a lock file, made if it is missing, for its owner only.

    One that root makes belongs to whom the database belongs to, or the server could not take the lock any more.
    """
    lock = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = (database if database.exists() else database.parent).stat()
        os.fchown(lock, owner.st_uid, owner.st_gid)
    return lock


class DatabaseFileLock:
    """Held while a file is open. Raises: BadDatabase if somebody is there who does not suffer others.

    `alone`: nobody else may have it open, or open it.
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
                else f"{path} is being encrypted, decrypted or rekeyed; start again when that is done"
            ) from None

    def release(self) -> None:
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
