"""The files of an archive that is read: of a ZIP file, or of a folder. Nothing is ever unpacked."""

import os
import stat
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Final

from portico.api import OperatorError
from portico_transfer.archive.manifest import FILES, MANIFEST, is_archive_name

#: A file that unpacks to more than this, and is compressed further than records are, is refused.
MAX_UNCHECKED_BYTES: Final = 64 * 1024 * 1024
MAX_RATIO: Final = 200
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Characters of a name that an error repeats.
MAX_SHOWN_CHARS: Final = 80


class Entries(ABC):
    """The files of an archive. `sizes`: bytes by name, unpacked."""

    sizes: dict[str, int]

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """Open one of its files. Raises: OSError, BadZipFile."""

    def close(self) -> None:
        """Close the archive."""
        return


class ZipEntries(Entries):
    """The files of a ZIP archive. Raises: OperatorError for one that is none of Portico, or hostile."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise OperatorError(f"{path} is no complete ZIP archive: {error}.") from None
        try:
            self.sizes = {}
            for info in self._zip.infolist():
                if info.is_dir() and info.filename == FILES:
                    continue
                if reason := _fault(info):
                    raise _refusal(path, info.filename, reason)
                if info.filename in self.sizes:
                    raise _refusal(path, info.filename, "is in it twice")
                self.sizes[info.filename] = info.file_size
        except BaseException:
            self._zip.close()
            raise
        _require_manifest(path, self.sizes)

    def open(self, name: str) -> IO[bytes]:
        """Open one of its files."""
        return self._zip.open(name)

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()


class FolderEntries(Entries):
    """The files of a folder. Links are not followed. Raises: OperatorError for one that is none of Portico, or hostile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sizes = {}
        self._add(path, "")
        if (path / FILES).is_dir() and not (path / FILES.rstrip("/")).is_symlink():
            self._add(path / FILES, FILES)
        _require_manifest(path, self.sizes)

    def _add(self, folder: Path, prefix: str) -> None:
        with os.scandir(folder) as found:
            for one in found:
                name = prefix + one.name
                info = one.stat(follow_symlinks=False)
                if stat.S_ISDIR(info.st_mode) and name == FILES.rstrip("/"):
                    continue
                if not stat.S_ISREG(info.st_mode):
                    raise _refusal(self._path, name, "is no regular file")
                if not is_archive_name(name):
                    raise _refusal(self._path, name, "is no name that an archive has")
                self.sizes[name] = info.st_size

    def open(self, name: str) -> IO[bytes]:
        """Open one of its files."""
        return os.fdopen(os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def open_entries(source: str) -> Entries:
    """Open an archive for reading. Raises: OperatorError, OSError."""
    path = Path(source)
    if not path.exists():
        raise OperatorError(f"There is no file and no folder {source}.")
    if path.is_dir():
        return FolderEntries(path)
    if not path.is_file():  # opening a pipe waits for its writer
        raise OperatorError(f"{source} is no regular file.")
    return ZipEntries(path)


def _fault(info: zipfile.ZipInfo) -> str:
    """Return why a file of a ZIP archive is refused; empty = it is not."""
    mode = info.external_attr >> 16
    if not is_archive_name(info.filename) or info.orig_filename != info.filename:
        return "is no name that an archive has"
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is no regular file"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in _METHODS:
        return "is compressed in a way that is not supported"
    if info.file_size > MAX_UNCHECKED_BYTES and info.file_size > MAX_RATIO * info.compress_size:
        return f"unpacks to more than {MAX_RATIO} times its size, as no records do"
    return ""


def _refusal(path: Path, name: str, reason: str) -> OperatorError:
    return OperatorError(f"{path} is not imported: {name[:MAX_SHOWN_CHARS]!r} {reason}.")


def _require_manifest(path: Path, sizes: dict[str, int]) -> None:
    if MANIFEST not in sizes:
        raise OperatorError(f"{path} is no archive of Portico: it has no {MANIFEST}.")
