"""The contents of uploaded files, in a directory of the other server."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Final

from portico.api import OperatorError

_BLOCK_BYTES: Final = 1024 * 1024
_MAX_NAME_BYTES: Final = 255


class UploadDirectory:
    """Opens contents by the last part of the path that a record names. `directory`: None = there are none."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        if directory is not None and not directory.is_dir():
            raise OperatorError(
                f"{directory} is no directory. Name the folder `uploads` with --files."
            )

    async def open(self, name: str) -> AsyncIterator[bytes] | None:
        """Return the contents in blocks; None if there are none.

        Only regular files of the directory itself are opened: a name leads to no other directory, and a link to nothing.
        """
        last = name.replace("\\", "/").rpartition("/")[2]
        if self._directory is None or last in ("", ".", "..") or "\0" in last:
            return None
        if len(os.fsencode(last)) > _MAX_NAME_BYTES:
            return None
        path = self._directory / last
        file = await asyncio.to_thread(_opened, path)
        if file is None:
            return None
        file.close()  # a dry run does not read it
        return _blocks(path)


def _opened(path: Path) -> BinaryIO | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(_opened, path)
    if file is None:
        raise OperatorError(f"{path} was removed during the import. Import again.")
    with file:
        while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
            yield block
