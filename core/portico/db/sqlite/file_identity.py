"""Whether a SQLite file is still the one that was opened, under the name by which others would open it."""

from pathlib import Path

from portico.db.errors import Cause, unavailable


class FileIdentity:
    """Device and number of the file and of its log, as they were when each was first seen.

    A process that has a deleted file open can go on writing to it, and everything it writes is lost.
    """

    def __init__(self, path: Path) -> None:
        self._files = [path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))]
        self._seen: list[tuple[int, int] | None] = [None] * len(self._files)

    def check(self) -> None:
        """Raises: Unavailable if a file is missing or another one."""
        for number, file in enumerate(self._files):
            try:
                status = file.stat()
            except OSError:
                found = None
            else:
                found = (status.st_dev, status.st_ino)
            before = self._seen[number]
            if before is None:
                self._seen[number] = found
            elif found != before:
                word = "gone" if found is None else "replaced by another"
                raise unavailable(
                    Cause(
                        "gone",
                        f"the database file is {word}",
                        f"{file}; put the right one in its place and start again",
                    )
                )
