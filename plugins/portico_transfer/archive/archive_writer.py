"""Writes an archive beside its place, and puts it there only when it is complete. Only its owner may read it."""

import hashlib
import os
import secrets
import shutil
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from portico.api import OperatorError
from portico_transfer.archive.manifest import FILES, MANIFEST, Manifest

ZIP_SUFFIX: Final = ".zip"
#: Fast: half the time of the default, for a tenth more bytes.
COMPRESSION_LEVEL: Final = 3


class ArchiveFile:
    """One file of an archive that is written."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._digest = stream, hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._stream.write(data)
        self._digest.update(data)

    @property
    def digest(self) -> str:
        """SHA-256 of what was written, in hexadecimal."""
        return self._digest.hexdigest()


class ArchiveWriter(ABC):
    """An archive that is written. `digests`: of the files that are complete, by name."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}

    @contextmanager
    def file(self, name: str) -> Iterator[ArchiveFile]:
        """Add a file. One is written after the other."""
        if name in self.digests:
            raise OperatorError(f"Two files of the archive would have the name {name}.")
        with self._open(name) as stream:
            file = ArchiveFile(stream)
            yield file
        self.digests[name] = file.digest

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest."""
        with self._open(MANIFEST) as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")

    @abstractmethod
    def _open(self, name: str) -> IO[bytes]:
        """Open a new file of the archive."""


class ZipWriter(ArchiveWriter):
    """A ZIP archive."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL)

    def _open(self, name: str) -> IO[bytes]:
        info = zipfile.ZipInfo(name, time.gmtime()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        return self.zip.open(info, "w", force_zip64=True)


class FolderWriter(ArchiveWriter):
    """A folder."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        (path / FILES).mkdir(0o700)

    def _open(self, name: str) -> IO[bytes]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        return os.fdopen(os.open(self._path / name, flags, 0o600), "wb")


@contextmanager
def open_archive(target: Path) -> Iterator[ArchiveWriter]:
    """Yield the writer of a new archive: a ZIP file if the name ends so, else a folder. It is in place after the block.

    Raises: OperatorError for a folder that is not empty; OSError.
    """
    draft = target.with_name(f".portico-{secrets.token_hex(6)}")
    if target.suffix.lower() == ZIP_SUFFIX:
        with _draft_file(draft) as file:
            writer = ZipWriter(file)
            with writer.zip:
                yield writer
            file.flush()
            os.fsync(file.fileno())
            draft.replace(target)
        return
    draft.mkdir(0o700)
    try:
        yield FolderWriter(draft)
        draft.replace(target)  # an empty folder there is replaced
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def check_target(target: Path) -> None:
    """Check before any work that an archive can be written there. Raises: OperatorError."""
    if not target.parent.is_dir():
        raise OperatorError(f"There is no folder {target.parent}. Create it, or name another one.")
    if target.suffix.lower() == ZIP_SUFFIX:
        if target.is_dir():
            raise OperatorError(f"{target} is a folder. Name a file, or a folder without .zip.")
    elif target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OperatorError(
            f"{target} is there already. Name a new folder, an empty one, or a file that ends with .zip."
        )
    if not os.access(target.parent, os.W_OK):
        raise OperatorError(f"This user may not write to {target.parent}. Name another folder.")


@contextmanager
def _draft_file(draft: Path) -> Iterator[IO[bytes]]:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "w+b") as file:
            yield file
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
