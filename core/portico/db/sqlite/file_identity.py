"""Detects that an SQLite file was deleted or replaced while it is open."""

import os
from pathlib import Path

from portico.db.errors import Cause, unavailable


class FileIdentity:
    """Device and inode of the file and of its log, as they were at the first check.

    A process can write to an open file that was deleted, and everything it writes is lost.
    """

    def __init__(self, path: Path) -> None:
        self._files = [f"{path}{end}" for end in ("", "-wal", "-shm")]
        self._seen: list[tuple[int, int] | None] = [None] * len(self._files)

    def check(self) -> None:
        """Raises: Unavailable if a file is missing or was replaced."""
        for number, file in enumerate(self._files):
            try:
                status = os.stat(file)  # noqa: PTH116 - a `Path` takes half as long again
            except OSError:
                found = None
            else:
                found = (status.st_dev, status.st_ino)
            before = self._seen[number]
            if before is None:
                self._seen[number] = found
            elif found != before:
                state = "missing" if found is None else "replaced by another"
                raise unavailable(
                    Cause(
                        "missing",
                        f"the database file is {state}",
                        f"{file}; restore the right file and start again",
                    )
                )
