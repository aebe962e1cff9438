"""The operator's directory of pages: how one state of it is told from another."""

import contextlib
import time
from pathlib import Path
from typing import TypeAlias

#: Seconds a file has to be left alone before it is read: an editor may be half way through it.
QUIET_SECONDS = 0.15

#: What tells one state of a directory from another: name, size, time of the last change and number of each file.
Signature: TypeAlias = tuple[tuple[str, int, int, int], ...]


def signature_of(directory: Path | None) -> Signature:
    """The state of a directory; None = there is none to have a state."""
    if directory is None:
        return ()
    found = []
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((path.name, state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(sorted(found))


def has_settled(signature: Signature) -> bool:
    """Whether its files have been left alone for a while."""
    latest = max((changed for _, _, changed, _ in signature), default=0)
    age = time.time() - latest / 1e9
    return age >= QUIET_SECONDS or age < 0  # a clock that was set back must not keep a page waiting
