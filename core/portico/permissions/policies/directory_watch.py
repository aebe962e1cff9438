"""The signature of the operator's policy directory, by which changes are detected."""

import contextlib
import time
from pathlib import Path
from typing import TypeAlias

#: Seconds without a change after which files are read: an editor may still be writing one.
QUIET_SECONDS = 0.15

#: Name, size, time of the last change and inode number of each file.
Signature: TypeAlias = tuple[tuple[str, int, int, int], ...]


def signature_of(directory: Path | None) -> Signature:
    """Return the signature of a directory; empty without one."""
    if directory is None:
        return ()
    found = []
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((path.name, status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(sorted(found))


def has_settled(signature: Signature) -> bool:
    """Return whether no file has changed for `QUIET_SECONDS`."""
    latest = max((changed for _, _, changed, _ in signature), default=0)
    age = time.time() - latest / 1e9
    return age >= QUIET_SECONDS or age < 0  # after the clock was set back, do not wait for it
