"""Finds the file that a path of a request names, and never one outside of the folder."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Final

#: Endings of files that hold another file compressed, by content coding.
SIBLINGS: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
#: A folder or file name: not hidden, and without characters that end a part of a path somewhere, or encode one again.
_NAME: Final = re.compile(r"(?:\.well-known|[^%./\\\x00-\x1f\x7f][^%/\\\x00-\x1f\x7f]*)\Z")

#: What a change of a file changes: its inode, size, and times of its last change of content and of attributes.
Version = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file as it was found. `siblings`: the compressed files beside it, by content coding."""

    path: Path
    version: Version
    siblings: Mapping[str, "FoundFile"] = field(default_factory=dict, hash=False)

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.version[1]

    def open(self) -> FileIO:
        """Open it for reading. Raises: OSError, also if it has changed since it was found."""
        # `path` has no symbolic links, so one that is there now was put there since.
        file = FileIO(self.path, opener=_open)
        if version_of(os.fstat(file.fileno())) != self.version:
            file.close()
            raise FileNotFoundError(self.path)
        return file


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def version_of(found: os.stat_result) -> Version:
    """Return what differs after every change of a file."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def is_valid_path(path: str) -> bool:
    """Return whether a path, without its first slash, can name a file: no empty, hidden or relative parts."""
    return all(_NAME.match(part) for part in path.split("/"))


def find_file(folder: Path, path: str) -> FoundFile | None:
    """Return the regular file at this path below `folder`, an absolute path without symbolic links; None without one.

    A symbolic link is followed if it leads to a place inside of the folder. Reads the disk, so call it in a thread.
    """
    if not is_valid_path(path):
        return None
    found = _find(folder, folder / path)
    if found is None:
        return None
    beside = {
        coding: _find(folder, folder / f"{path}{ending}") for coding, ending in SIBLINGS.items()
    }
    siblings = {coding: one for coding, one in beside.items() if one is not None}
    return FoundFile(found.path, found.version, siblings)


def _find(folder: Path, named: Path) -> FoundFile | None:
    try:
        real = named.resolve(strict=True)
        found = real.lstat()
    except (
        OSError,
        ValueError,
        RuntimeError,
    ):  # such as a name that is too long, or links in a ring
        return None
    if not stat.S_ISREG(found.st_mode) or not real.is_relative_to(folder):
        return None
    return FoundFile(real, version_of(found))
