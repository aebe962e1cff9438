"""Files in exports and imports of whole instances: rows, and contents through the store."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec

from portico.api import DomainError, Unavailable
from portico.api.db import MAX_INT64, ForeignKeyViolation, UniqueViolation, now, transaction
from portico.api.json import sanitize_json
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    epoch_seconds,
    imported,
    owners_here,
    reason_of,
    rejected,
    skipped,
    table_count,
    table_pages,
    unchanged,
)
from portico_files import queries
from portico_files.incoming import IncomingFile
from portico_files.names import read_name, search_name
from portico_files.schemas import FileRow, StoredFile, to_file
from portico_files.stores import FileStore
from portico_files.uploads import MAX_METADATA_BYTES

_TABLE: Final = "files_file"
#: An id is a key of the store, and part of a path.
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}", re.ASCII)
#: How often, and after how many seconds, it is asked whether an object has been deleted.
DELETION_ATTEMPTS: Final = 100
DELETION_SECONDS: Final = 0.02
_TAKEN: Final = "its id is that of another account's file here"
_NO_CONTENT: Final = "the source does not have its content"
_OTHER_CONTENT: Final = "its content is not the one that was exported: the digests differ"
_OTHER_SIZE: Final = "its content has {} bytes, and not {} as its record says"
_NOT_SHARED: Final = "access of others to files is left out: here they are their owners'"
_NULL: Final = msgspec.Raw(b"null")


class FileRecord(msgspec.Struct):
    """A file. `path`: where the source has its content, if not under its id. `digest`: the SHA-256 of the content."""

    id: str
    user_id: str
    filename: str
    path: str | None = None
    digest: str | None = None
    meta: msgspec.Raw = _NULL
    data: msgspec.Raw = _NULL
    access_control: Any = None
    access_grants: Any = None
    created_at: int | float | None = None
    updated_at: int | float | None = None


class ExportedFile(StoredFile, frozen=True, kw_only=True):
    """A file in an export. `digest`: the SHA-256 of its content, in hexadecimal digits."""

    digest: str


class FileTransfer(TransferKind):
    """The kind `files`. A content is stored before its row, which is a transaction of its own."""

    name = "files"
    after = ("accounts",)
    _reader = RecordReader(FileRecord)

    def __init__(self, store: FileStore, threads: ThreadPoolExecutor) -> None:
        self._store, self._threads = store, threads
        self._is_open = False

    async def count(self, scope: ExportScope) -> int:
        """Return how many files a scope has."""
        return await table_count(_TABLE, scope)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield files, with the texts that clients have set in place of contents."""
        async for page in table_pages(_TABLE, scope, columns=queries.COLUMNS):
            texts = await queries.texts_of([row["id"] for row in page])
            yield [msgspec.json.encode(_exported(queries.to_row(row), texts)) for row in page]

    async def export_files(
        self, scope: ExportScope
    ) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Yield the contents of files. One that the store has lost is left out."""
        await self._open_store()
        async for page in table_pages(_TABLE, scope, columns="id, size"):
            for row in page:
                if await self._store.exists(row["id"]):
                    yield row["id"], self._store.read(row["id"], 0, row["size"])

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import files whose contents the source has."""
        if not run.dry_run:
            await self._open_store()
        read, outcomes = self._reader.read(records)
        there = await owners_here(_TABLE, [one.record.id for one in read])
        for place, record in read:
            outcomes[place] = await self._import(record, there, run)
        return [outcomes[place] for place in range(len(records))]

    async def _import(self, record: FileRecord, there: dict[str, str], run: ImportRun) -> Outcome:
        owner_id = run.accounts.get(record.user_id)
        if owner_id is None:
            return skipped(record.id, run.accounts.reason(record.user_id))
        if record.id in there:
            is_same = there[record.id] == owner_id
            return unchanged(record.id) if is_same else skipped(record.id, _TAKEN)
        if not _ID.fullmatch(record.id):
            return rejected(record.id, "its id has characters that ids of files cannot have")
        content = await run.files.open(record.id)
        if content is None and record.path:
            content = await run.files.open(record.path)
        if content is None:
            return skipped(record.id, _NO_CONTENT)
        if record.access_grants or record.access_control:
            run.notes.add(self.name, _NOT_SHARED, record.id)
        metadata = self._metadata(record, run)
        return (
            imported(record.id)
            if run.dry_run
            else await self._store_alone(record, owner_id, content, metadata)
        )

    async def _store_alone(
        self, record: FileRecord, owner_id: str, content: AsyncIterator[bytes], metadata: str
    ) -> Outcome:
        try:
            return await self._take(record, owner_id, content, metadata)
        except UniqueViolation:
            return skipped(record.id, _TAKEN)
        except ForeignKeyViolation:
            return skipped(record.id, "its owner was deleted during the import")
        except Unavailable:
            raise  # the store or the database, for which the import ends
        except DomainError as error:
            return rejected(record.id, reason_of(error))

    async def _take(
        self, record: FileRecord, owner_id: str, content: AsyncIterator[bytes], metadata: str
    ) -> Outcome:
        """Store a content and its row. If that fails, nothing of the file is left."""
        await self._begin(record.id)
        incoming = IncomingFile(self._store.create(record.id), self._threads)
        is_stored = False
        try:
            async for block in content:
                incoming.add(block)
                if incoming.is_due:
                    await incoming.flush()
            name = read_name(record.filename)
            content_type = await incoming.inspect(name)
            if record.digest is not None and record.digest != incoming.digest:
                return rejected(record.id, _OTHER_CONTENT)
            await incoming.flush(is_read=True)
            await incoming.keep()
            row = msgspec.structs.replace(
                _row(record, incoming),
                user_id=owner_id,
                filename=name,
                content_type=content_type,
                metadata=metadata,
            )
            limits = {"max_files": MAX_INT64, "max_bytes": MAX_INT64}
            async with transaction():
                await queries.insert(row, search_name(row.filename), **limits)
                if (text := _text(record, row)) is not None:
                    await queries.insert_text(row.id, text)
            is_stored = True
        finally:
            await incoming.discard()
            if not is_stored:
                await self._store.delete(record.id)
                await queries.drop_loose(record.id)
        return imported(record.id, _size_note(record, incoming.size))

    async def _begin(self, object_id: str) -> None:
        """Record that an object is being stored, when none of its id is left."""
        for attempt in range(DELETION_ATTEMPTS + 1):
            if await queries.begin_import(object_id):
                break
            # A file of this id was deleted a moment ago: a server deletes its content, or else this does.
            await asyncio.sleep(DELETION_SECONDS)
            if attempt == DELETION_ATTEMPTS - 1:
                await self._store.delete(object_id)
                await queries.drop_loose(object_id)
        # What an import has left that was killed: no row belongs to it.
        await self._store.delete(object_id)

    def _metadata(self, record: FileRecord, run: ImportRun) -> str:
        """Return the client's own JSON, which is stored with a file."""
        given = _fields(record.meta).get("data")
        if not isinstance(given, dict):
            return "{}"
        text = msgspec.json.encode(given)
        if len(text) > MAX_METADATA_BYTES:
            run.notes.add(self.name, "meta.data is too long, and is left out", record.id)
            return "{}"
        return text.decode()

    async def _open_store(self) -> None:
        """Open the store in a command, where plugins are not started."""
        if not self._is_open:
            await self._store.start()
            self._is_open = True


def _exported(row: FileRow, texts: dict[str, str]) -> ExportedFile:
    found = to_file(row, texts.get(row.id))
    fields = {name: getattr(found, name) for name in StoredFile.__struct_fields__}
    return ExportedFile(**fields, digest=row.hash)


def _row(record: FileRecord, incoming: IncomingFile) -> FileRow:
    """Return the row of a file, without what the caller knows of it."""
    known = [
        at
        for at in (epoch_seconds(record.created_at), epoch_seconds(record.updated_at))
        if at is not None
    ] or [now()]
    data = _fields(record.data)
    return FileRow(
        id=record.id,
        user_id="",
        filename="",
        content_type="",
        is_text=incoming.is_text,
        size=incoming.size,
        hash=incoming.digest,
        is_processed=bool(data.get("status") or data.get("content")),
        created_at=known[0],
        updated_at=known[-1],
        metadata="{}",
    )


def _text(record: FileRecord, row: FileRow) -> str | None:
    """Return the text that models get in place of the content; None = the content.

    Other servers have the text of every file there. It is of use for those that are neither texts nor images.
    """
    data = _fields(record.data)
    text = data.get("content")
    if not isinstance(text, str) or not text.strip():
        return None
    is_ours = record.digest is not None
    return text if is_ours or not (row.is_text or row.is_image) else None


def _size_note(record: FileRecord, size: int) -> str:
    said = _fields(record.meta).get("size")
    return _OTHER_SIZE.format(size, said) if isinstance(said, int) and said != size else ""


def _fields(raw: msgspec.Raw) -> dict[str, Any]:
    """Return an object that may be stored; none for any other value."""
    try:
        found = msgspec.json.decode(sanitize_json(bytes(raw)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
