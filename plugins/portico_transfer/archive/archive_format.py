"""`portico import archive`: reads what `portico export` wrote."""

import hashlib
import time
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from portico.api import OperatorError
from portico.api.cli import format_time, progress_bar
from portico.api.transfer import ImportFormat, ImportSource, Outcome, RunNote
from portico_transfer.archive.entries import Entries, open_entries
from portico_transfer.archive.manifest import (
    MANIFEST,
    RECORDS_SUFFIX,
    Manifest,
    file_name,
    kind_of,
    read_manifest,
)
from portico_transfer.archive.record_lines import READ_BYTES, record_blocks

#: A manifest has a line for each file.
MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
#: An archive of this size or more shows a progress bar while it is verified.
MIN_BYTES_FOR_PROGRESS: Final = 64 * 1024 * 1024
_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


class ArchiveFormat(ImportFormat):
    """Archives of `portico export`."""

    name = "archive"
    summary = "Import an archive that `portico export` wrote: FILE.zip, or its folder."
    help = "The archive is read in place, and its digests are verified before anything is imported."
    source_metavar = "FILE|DIR"

    @asynccontextmanager
    async def open(self, source: str, options: Mapping[str, Any]) -> AsyncIterator[ImportSource]:
        """Open an archive and verify it. Raises: OperatorError."""
        entries = open_entries(source)
        try:
            yield _verified(entries, source)
        finally:
            entries.close()


class ArchiveFiles:
    """The contents of files in an archive."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    async def open(self, name: str) -> AsyncIterator[bytes] | None:
        """Return the contents in blocks; None if the archive has none of this name."""
        entry = file_name(name)
        return self._blocks(entry) if entry in self._entries.sizes and entry else None

    async def _blocks(self, entry: str) -> AsyncIterator[bytes]:
        with self._entries.open(entry) as file:
            while block := file.read(READ_BYTES):
                yield block


class ArchiveSource:
    """An open archive. `records_of`: how many records it has of each kind."""

    def __init__(self, entries: Entries, manifest: Manifest, records_of: Mapping[str, int]) -> None:
        self._entries, self._manifest, self._counts = entries, manifest, records_of
        self.files = ArchiveFiles(entries)

    def describe(self) -> str:
        """Return what it is an archive of, and which release wrote it when."""
        one = self._manifest
        of = "a whole instance" if one.scope == "instance" else "one account"
        release = f", written by release {one.release}" if one.release else ""
        at = f" at {format_time(one.created_at)} UTC" if 0 < one.created_at <= time.time() else ""
        return f"an archive of {of}{release}{at}"

    async def counts(self) -> Mapping[str, int]:
        """Return the number of records by kind."""
        return self._counts

    async def records(self, kind: str) -> AsyncIterator[Sequence[bytes | Outcome]]:
        """Yield the records of a kind in blocks."""
        if kind in self._counts:
            with self._entries.open(kind + RECORDS_SUFFIX) as file:
                for block in record_blocks(file):
                    yield block

    def left_out(self) -> Sequence[RunNote]:
        """Return nothing: an archive has only what is taken, or what no plugin here knows."""
        return ()


def _verified(entries: Entries, where: str) -> ArchiveSource:
    """Return an archive whose digests are right. Raises: OperatorError."""
    if entries.sizes[MANIFEST] > MAX_MANIFEST_BYTES:
        raise OperatorError(f"{where} is not imported: its {MANIFEST} is too large.")
    try:
        with entries.open(MANIFEST) as file:
            manifest = read_manifest(file.read(MAX_MANIFEST_BYTES + 1), where)
        if missing := sorted(manifest.digests.keys() - entries.sizes.keys()):
            raise OperatorError(f"{where} is incomplete: {missing[0]!r} is missing.")
        return ArchiveSource(entries, manifest, _counted(entries, manifest, where))
    except _UNREADABLE:
        raise OperatorError(f"{where} is damaged: it cannot be unpacked.") from None


@contextmanager
def _verification_bar(size: int) -> Iterator[Callable[[int], None]]:
    if size < MIN_BYTES_FOR_PROGRESS:
        yield lambda _: None
        return
    with progress_bar("Verifying", size) as bar:
        yield bar.update


def _counted(entries: Entries, manifest: Manifest, where: str) -> dict[str, int]:
    """Return the number of records by kind, having compared all digests. Raises: OperatorError."""
    counts: dict[str, int] = {}
    with _verification_bar(sum(entries.sizes.values())) as advance:
        for name in sorted(entries.sizes.keys() - {MANIFEST}):
            digest, lines, last = hashlib.sha256(), 0, b"\n"
            with entries.open(name) as file:
                while block := file.read(READ_BYTES):
                    digest.update(block)
                    lines, last = lines + block.count(b"\n"), block[-1:]
                    advance(len(block))
            if (kind := kind_of(name)) is not None:
                counts[kind] = lines + (last != b"\n")
            if manifest.digests.get(name, digest.hexdigest()) != digest.hexdigest():
                raise OperatorError(
                    f"{where} is damaged: {name!r} is not what was exported. Export it again, or copy it again."
                )
    return counts
