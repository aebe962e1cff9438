"""Where backups are stored: in one file, in a directory, or below a prefix in a bucket."""

import re
from collections.abc import Iterator
from typing import Final, Protocol

#: Names of parts below a target. Nothing else is read or written, so no name leads out of the target.
NAME: Final = re.compile(
    r"(?:backups/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}/[a-z0-9]{1,20}|contents/[0-9a-f]{2}/[0-9a-f]{64})"
)
BACKUP_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
MANIFEST: Final = "manifest"


class NewPart(Protocol):
    """A part that is being written. All methods block."""

    def write(self, data: bytes) -> object:
        """Append bytes."""
        ...

    def finish(self, name: str) -> str:
        """Store it under a name that `NAME` allows, and return its place."""
        ...

    def discard(self) -> None:
        """Give it up. May be called after `finish`."""
        ...


class BackupStorage(Protocol):
    """A target. All methods block, and raise OSError, or BackupRefused with what to change.

    `is_shared`: it keeps several backups, which share their contents.
    """

    is_shared: bool

    def begin(self, backup_id: str) -> None:
        """Prepare for writing a backup. Raises: BackupRefused."""
        ...

    def create(self, name: str) -> NewPart:
        """Return a new part. `name`: under which it will be stored; empty = not known yet."""
        ...

    def publish(self, manifest: bytes) -> None:
        """Write the manifest, which makes the backup one."""
        ...

    def backup_ids(self) -> list[str]:
        """Return the ids of the backups that are complete, oldest first; one empty id for a file."""
        ...

    def manifest(self, backup_id: str) -> bytes:
        """Return a manifest as it is stored. Raises: DamagedBackup."""
        ...

    def read(self, place: str, size: int) -> Iterator[bytes]:
        """Yield the bytes of a part. Raises: DamagedBackup if there are fewer, or there is none."""
        ...

    def contents(self) -> Iterator[tuple[str, int]]:
        """Yield the place and the size of each content that is stored already."""
        ...

    def delete(self, place: str) -> None:
        """Delete a part, if there is one."""
        ...

    def close(self) -> None:
        """Give up what is not published, and free everything."""
        ...
