"""Memories in exports and imports of whole instances."""

from collections.abc import AsyncIterator, Sequence

import msgspec

from portico.api.db import execute, now
from portico.api.text import likeness
from portico.api.transfer import (
    ExportScope,
    ImportRun,
    Outcome,
    RecordReader,
    TransferKind,
    epoch_seconds,
    imported,
    owners_here,
    rejected,
    skipped,
    store_each,
    table_count,
    table_pages,
    unchanged,
)

_TABLE = "memories_memory"
_INSERT = (
    "INSERT INTO memories_memory (id, user_id, created_at, updated_at, content, search_text) "
    "VALUES ($1, $2, $3, $4, $5, $6)"
)


class MemoryRecord(msgspec.Struct):
    """A memory. Times: epoch seconds."""

    id: str
    user_id: str
    content: str
    created_at: int | float | None = None
    updated_at: int | float | None = None


class MemoryTransfer(TransferKind):
    """The kind `memories`."""

    name = "memories"
    after = ("accounts",)
    _reader = RecordReader(MemoryRecord)

    async def count(self, scope: ExportScope) -> int:
        """Return how many memories a scope has."""
        return await table_count(_TABLE, scope)

    async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]:
        """Yield memories as `MemoryRecord`."""
        columns = "id, user_id, content, created_at, updated_at"
        async for page in table_pages(_TABLE, scope, columns=columns):
            yield [msgspec.json.encode(MemoryRecord(**row)) for row in page]

    async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
        """Import memories of accounts that were taken."""
        read, outcomes = self._reader.read(records)
        there = await owners_here(_TABLE, [one.record.id for one in read])

        async def store(record: MemoryRecord) -> Outcome:
            owner_id = run.accounts.get(record.user_id)
            if owner_id is None:
                return skipped(record.id, run.accounts.reason(record.user_id))
            if record.id in there:
                is_same = there[record.id] == owner_id
                taken = "its id is that of another account's memory here"
                return unchanged(record.id) if is_same else skipped(record.id, taken)
            if not record.content.strip():
                return rejected(record.id, "its content is empty")
            if not run.dry_run:
                updated_at = epoch_seconds(record.updated_at)
                created_at = epoch_seconds(record.created_at)
                at = now() if updated_at is None else updated_at
                await execute(
                    _INSERT,
                    record.id,
                    owner_id,
                    at if created_at is None else created_at,
                    at,
                    record.content,
                    likeness(record.content),
                )
            return imported(record.id)

        await store_each(read, outcomes, store)
        return [outcomes[place] for place in range(len(records))]
