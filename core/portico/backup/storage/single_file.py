"""A backup in one file: the parts, one after the other, then the manifest, then the size of the manifest."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from portico.backup.encoding import BLOCK_BYTES, DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.backup.manifest import MAGIC, MAX_BYTES

#: At the end of the file: bytes of the manifest, and a mark.
END: Final = b"portico backup end\n"
END_BYTES: Final = 8 + len(END)


class SingleFile:
    """One file. It is written under another name beside it, and gets its own name when it is complete."""

    is_shared = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._draft: Path | None = None
        self._file: BinaryIO | None = None

    def begin(self, backup_id: str) -> None:
        """Open a draft, and delete those of processes that were killed (part of `BackupStorage`)."""
        path = self.path
        if not path.parent.is_dir():
            raise BackupRefused(
                f"There is no directory {path.parent}. Create it, or name another file."
            )
        if path.exists() and not self._may_be_replaced():
            raise BackupRefused(f"{path} exists and is no backup. Name another file.")
        prefix = f".{path.name}.draft-"
        for old in path.parent.glob(f"{prefix.replace('[', '[[]')}*"):
            _delete_if_left(old)
        self._draft = path.with_name(f"{prefix}{secrets.token_hex(6)}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._draft, flags, 0o600), "w+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(MAGIC)

    def create(self, name: str) -> "FilePart":  # noqa: ARG002 - a file has offsets instead
        """Return a new part at the end of the file (part of `BackupStorage`)."""
        assert self._file is not None
        return FilePart(self._file)

    def publish(self, manifest: bytes) -> None:
        """Write the manifest and give the file its name (part of `BackupStorage`)."""
        file, draft = self._file, self._draft
        assert file is not None
        assert draft is not None
        file.write(manifest + len(manifest).to_bytes(8, "big") + END)
        file.flush()
        os.fsync(file.fileno())
        draft.replace(self.path)
        self._draft = None
        flush_directory(self.path.parent)

    def backup_ids(self) -> list[str]:
        """Return one id (part of `BackupStorage`)."""
        return [""]

    def manifest(self, backup_id: str) -> bytes:  # noqa: ARG002 - there is one
        """Return the manifest (part of `BackupStorage`)."""
        size = self.manifest_offset + END_BYTES
        self._file_to_read.seek(self.manifest_offset)
        return self._file_to_read.read(self._length() - size)

    @property
    def manifest_offset(self) -> int:
        """Where the manifest begins, and the parts end. Raises: DamagedBackup."""
        file, length = self._file_to_read, self._length()
        if length < len(MAGIC) + END_BYTES:
            raise DamagedBackup(f"{self.path} is no backup, or it is cut short.")
        file.seek(0)
        begins = file.read(len(MAGIC)) == MAGIC
        file.seek(length - END_BYTES)
        end = file.read(END_BYTES)
        size = int.from_bytes(end[:8], "big")
        if not begins or end[8:] != END or not 0 < size <= min(MAX_BYTES, length - END_BYTES):
            raise DamagedBackup(f"{self.path} is no backup, or it is cut short.")
        return length - END_BYTES - size

    def read(self, place: str, size: int) -> Iterator[bytes]:
        """Yield the bytes from an offset on (part of `BackupStorage`)."""
        if not (place.isascii() and place.isdigit() and len(place) < 20):
            raise DamagedBackup(DAMAGED.format("a part has no place"))
        yield from blocks_of(self._file_to_read, int(place), size)

    def contents(self) -> Iterator[tuple[str, int]]:
        """Yield nothing: a file shares no contents with another (part of `BackupStorage`)."""
        return iter(())

    def delete(self, place: str) -> None:
        """Do nothing (part of `BackupStorage`)."""

    def close(self) -> None:
        """Close the file and delete a draft (part of `BackupStorage`)."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)
            self._draft = None

    @property
    def _file_to_read(self) -> BinaryIO:
        if self._file is None:
            self._file = self.path.open("rb")
        return self._file

    def _length(self) -> int:
        return os.fstat(self._file_to_read.fileno()).st_size

    def _may_be_replaced(self) -> bool:
        if not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            return file.read(len(MAGIC)) in (MAGIC, b"")


class FilePart:
    """A part at the end of a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._offset = file, file.tell()

    def write(self, data: bytes) -> object:
        """Append bytes (part of `NewPart`)."""
        return self._file.write(data)

    def finish(self, name: str) -> str:  # noqa: ARG002 - a file has offsets instead
        """Return the offset (part of `NewPart`)."""
        return str(self._offset)

    def discard(self) -> None:
        """Do nothing: the whole file is given up (part of `NewPart`)."""


def blocks_of(file: BinaryIO, offset: int, size: int) -> Iterator[bytes]:
    """Yield `size` bytes of a file. Raises: DamagedBackup if there are fewer."""
    left = size
    while left > 0:
        block = os.pread(file.fileno(), min(BLOCK_BYTES, left), offset + size - left)
        if not block:
            raise DamagedBackup(DAMAGED.format("a part is cut short"))
        left -= len(block)
        yield block


def flush_directory(path: Path) -> None:
    """Write the names in a directory to the disk."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _delete_if_left(draft: Path) -> None:
    """Delete a draft unless a process writes it."""
    with suppress(OSError), draft.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.unlink()
