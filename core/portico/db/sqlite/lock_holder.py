"""Finds the process that holds the write lock of an SQLite file."""

import os
from contextlib import suppress
from pathlib import Path

HINT = "check for a backup, an open SQLite shell or another server"
#: The byte of the shared-memory file that a writer locks. Source: SQLite's description of its WAL-index format.
WRITE_LOCK = 120


def lock_holder(path: Path) -> str:
    """Return the name and id of the process, or a hint. Reads /proc/locks: opening the file would drop our own locks."""
    with suppress(OSError, ValueError, IndexError):
        status = path.with_name(f"{path.name}-shm").stat()
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, _, access, pid, where, first, last = line.split()[:8]
            if (kind, access, where) != ("POSIX", "WRITE", place) or last == "EOF":
                continue
            if int(first) <= WRITE_LOCK <= int(last) and int(pid) not in {0, os.getpid()}:
                name = Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
                return f"{name} (process {pid})"
    return HINT
