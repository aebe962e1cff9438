"""Moving in and out: what plugins export and import of their own rows, and the formats that are imported.

A plugin registers a `TransferKind` for each kind of its rows (`register_transfer_kinds`), and an `ImportFormat` for each format
that it reads (`register_import_formats`). The engine in plugin `portico_transfer` has every format read by every kind.
"""

from portico.transfer.each_record import owners_here, reason_of, store_each
from portico.transfer.formats import ImportFormat, ImportSource, SourceFiles
from portico.transfer.import_run import ImportChoices, ImportRun, RunNote, RunNotes
from portico.transfer.kinds import ExportScope, TransferKind
from portico.transfer.order import in_import_order
from portico.transfer.outcome import (
    Outcome,
    OutcomeState,
    imported,
    rejected,
    skipped,
    unchanged,
)
from portico.transfer.principals import PrincipalMap
from portico.transfer.record_reader import ReadRecord, RecordReader
from portico.transfer.record_sharing import principals_here, sharing_of_record
from portico.transfer.record_times import epoch_seconds
from portico.transfer.table_pages import table_count, table_pages

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
    "in_import_order",
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
