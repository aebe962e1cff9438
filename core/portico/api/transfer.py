"""Moving in and out: what plugins export and import of their own rows, and the formats that `portico import` reads.

    class NoteRecord(msgspec.Struct):
        id: str
        user_id: str
        text: str

    class NotesTransfer(TransferKind):
        name = "notes"
        after = ("accounts",)
        _reader = RecordReader(NoteRecord)

        async def export(self, scope: ExportScope) -> AsyncIterator[Sequence[bytes]]: ...

        async def import_batch(self, records: Sequence[bytes], run: ImportRun) -> Sequence[Outcome]:
            read, outcomes = self._reader.read(records)
            async with transaction():
                for place, record in read:
                    owner = run.accounts.get(record.user_id)
                    if owner is None:
                        outcomes[place] = skipped(record.id, run.accounts.reason(record.user_id))
                    …
            return [outcomes[place] for place in range(len(records))]

Constants, types and decorators:

    OutcomeState  Type of the state of an outcome: imported, unchanged, skipped or rejected.
"""

from portico.transfer import (
    ExportScope,
    ImportChoices,
    ImportFormat,
    ImportRun,
    ImportSource,
    Outcome,
    OutcomeState,
    PrincipalMap,
    ReadRecord,
    RecordReader,
    RunNote,
    RunNotes,
    SourceFiles,
    TransferKind,
    epoch_seconds,
    imported,
    owners_here,
    principals_here,
    reason_of,
    rejected,
    sharing_of_record,
    skipped,
    store_each,
    table_count,
    table_pages,
    unchanged,
)

__all__ = [
    "ExportScope",
    "SourceFiles",
    "ImportFormat",
    "ImportChoices",
    "ImportRun",
    "ImportSource",
    "Outcome",
    "OutcomeState",
    "PrincipalMap",
    "ReadRecord",
    "RecordReader",
    "RunNote",
    "RunNotes",
    "TransferKind",
    "epoch_seconds",
    "imported",
    "owners_here",
    "principals_here",
    "reason_of",
    "rejected",
    "sharing_of_record",
    "skipped",
    "store_each",
    "table_count",
    "table_pages",
    "unchanged",
]
