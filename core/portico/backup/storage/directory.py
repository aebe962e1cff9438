"""Backups in a directory. They share their contents, which are named by their digests."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from portico.backup.encoding import DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.backup.manifest import MAX_BYTES
from portico.backup.storage import BACKUP_ID, MANIFEST, NAME
from portico.backup.storage.single_file import blocks_of, flush_directory

LOCK: Final = ".portico-backup.lock"
DRAFTS: Final = ".drafts"


class BackupDirectory:
    """A directory with backups. One process at a time writes into it."""

    is_shared = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock: BinaryIO | None = None
        self._backup_id = ""

    def begin(self, backup_id: str) -> None:
        """Take the lock, and delete what killed processes have left (part of `BackupStorage`)."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = {one.name for one in self._root.iterdir()} - {
            LOCK,
            DRAFTS,
            "backups",
            "contents",
        }
        if others:
            raise BackupRefused(
                f"{self._root} has other files, such as {min(others)}. Name a new or empty directory, or a file in it."
            )
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._lock = os.fdopen(os.open(self._root / LOCK, flags, 0o600), "r+b")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(
                f"Another backup to {self._root} is running. Wait for it."
            ) from None
        for name in ("backups", "contents", DRAFTS):
            (self._root / name).mkdir(mode=0o700, exist_ok=True)
        for draft in (self._root / DRAFTS).iterdir():
            draft.unlink()
        for one in (self._root / "backups").iterdir():
            if BACKUP_ID.fullmatch(one.name) and not (one / MANIFEST).exists():
                shutil.rmtree(one)
        self._backup_id = backup_id

    def create(self, name: str) -> "DirectoryPart":  # noqa: ARG002 - it gets its name when it is complete
        """Return a new part (part of `BackupStorage`)."""
        return DirectoryPart(self._root)

    def publish(self, manifest: bytes) -> None:
        """Write the manifest (part of `BackupStorage`)."""
        # All parts at once: the disk would otherwise be asked for each of many small files, and the server's commits wait.
        os.sync()
        part = self.create("")
        part.write(manifest)
        part.flush()
        place = part.finish(f"backups/{self._backup_id}/{MANIFEST}")
        for folder in (self._path(place).parent, self._root / "backups"):
            flush_directory(folder)
        self._backup_id = ""

    def backup_ids(self) -> list[str]:
        """Return the ids of the complete backups (part of `BackupStorage`)."""
        folder = self._root / "backups"
        if not folder.is_dir():
            return []
        names = (one.name for one in folder.iterdir() if (one / MANIFEST).is_file())
        return sorted(name for name in names if BACKUP_ID.fullmatch(name))

    def manifest(self, backup_id: str) -> bytes:
        """Return a manifest (part of `BackupStorage`)."""
        try:
            with self._path(f"backups/{backup_id}/{MANIFEST}").open("rb") as file:
                return file.read(MAX_BYTES)
        except FileNotFoundError:
            raise DamagedBackup(f"There is no backup {backup_id} in {self._root}.") from None

    def read(self, place: str, size: int) -> Iterator[bytes]:
        """Yield the bytes of a file (part of `BackupStorage`)."""
        try:
            file = self._path(place).open("rb")
        except FileNotFoundError:
            raise DamagedBackup(DAMAGED.format(f"{place} is missing")) from None
        with file:
            if os.fstat(file.fileno()).st_size != size:
                raise DamagedBackup(DAMAGED.format(f"{place} has another size"))
            yield from blocks_of(file, 0, size)

    def contents(self) -> Iterator[tuple[str, int]]:
        """Yield the contents (part of `BackupStorage`)."""
        for folder in sorted((self._root / "contents").iterdir()):
            for path in folder.iterdir():
                place = f"contents/{folder.name}/{path.name}"
                if NAME.fullmatch(place):
                    yield place, path.stat().st_size

    def delete(self, place: str) -> None:
        """Delete a file (part of `BackupStorage`)."""
        path = self._path(place)
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()

    def close(self) -> None:
        """Delete an unfinished backup and release the lock (part of `BackupStorage`)."""
        if self._backup_id:
            shutil.rmtree(self._root / "backups" / self._backup_id, ignore_errors=True)
            self._backup_id = ""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _path(self, place: str) -> Path:
        return path_below(self._root, place)


class DirectoryPart:
    """A file that gets its name when it is complete."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._draft = root / DRAFTS / secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._draft, flags, 0o600), "wb")

    def write(self, data: bytes) -> object:
        """Append bytes (part of `NewPart`)."""
        return self._file.write(data)

    def flush(self) -> None:
        """Have the disk write it."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self, name: str) -> str:
        """Give it its name (part of `NewPart`)."""
        self._file.close()
        path = path_below(self._root, name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._draft.replace(path)
        return name

    def discard(self) -> None:
        """Delete it (part of `NewPart`)."""
        self._file.close()
        self._draft.unlink(missing_ok=True)


def path_below(root: Path, place: str) -> Path:
    """Return the path of a part. Raises: DamagedBackup for a name that no part has, such as one with `..`."""
    if not NAME.fullmatch(place):
        raise DamagedBackup(DAMAGED.format("a part has an impossible name"))
    return root / place
