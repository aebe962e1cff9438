"""Reads a source kind by kind and has each kind import its records in batches, between which others write."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from portico.api import AppContext
from portico.api.audit import record_change
from portico.api.db import transaction
from portico.api.transfer import ImportRun, ImportSource, Outcome, RunNote, TransferKind
from portico_transfer.import_report import ImportReport

#: Records, and about how many of their bytes, of one transaction.
MAX_BATCH_RECORDS: Final = 200
MAX_BATCH_BYTES: Final = 1024 * 1024
#: Seconds between two batches, in which others that wait for the write lock of SQLite get it, and as a part of the last batch.
MIN_PAUSE_SECONDS: Final = 0.005
PAUSE_FACTOR: Final = 0.1
NO_PLUGIN: Final = "no plugin here takes records of this kind"


class ImportEngine:
    """One import. It keeps no state: each kind knows by the ids what is there already, so the same command continues it."""

    def __init__(
        self, app: AppContext, source: ImportSource, run: ImportRun, report: ImportReport
    ) -> None:
        self._app, self._source, self._run, self._report = app, source, run, report

    async def import_all(
        self, format_name: str, on_records: Callable[[int], None]
    ) -> list[RunNote]:
        """Import all kinds in their order. Returns what was left out. `on_records`: told how many records were read."""
        kinds = self._app.transfer_kinds()
        present = await self._source.counts()
        try:
            for kind in kinds:
                if kind.name in present:
                    await self._import_kind(kind, on_records)
        finally:
            if self._report.imported and not self._run.dry_run:
                await self._record(format_name)
        known = {kind.name for kind in kinds}
        unknown = [
            RunNote(name, NO_PLUGIN, count, ())
            for name, count in present.items()
            if count and name not in known
        ]
        return [*self._run.notes.all(), *unknown, *self._source.left_out()]

    async def _import_kind(self, kind: TransferKind, on_records: Callable[[int], None]) -> None:
        self._report.begin(kind.name)
        async for batch in _batches(self._source.records(kind.name)):
            began = time.monotonic()
            records = [one for one in batch if isinstance(one, bytes)]
            outcomes = await kind.import_batch(records, self._run) if records else ()
            unreadable = [one for one in batch if isinstance(one, Outcome)]
            self._report.add(kind.name, [*outcomes, *unreadable])
            on_records(len(batch))
            await asyncio.sleep(max(MIN_PAUSE_SECONDS, PAUSE_FACTOR * (time.monotonic() - began)))
        await kind.finish(self._run)

    async def _record(self, format_name: str) -> None:
        """Write the one entry that the audit log has of a run."""
        counts = {kind: dict(counts) for kind, counts in self._report.counts.items()}
        async with transaction():
            await record_change(
                "data.imported",
                "import",
                format_name,
                new={
                    "counts": counts,
                    "link_accounts": self._run.choices.link_accounts,
                    "keep_admins": self._run.choices.keep_admins,
                },
            )


async def _batches(
    blocks: AsyncIterator[Sequence[bytes | Outcome]],
) -> AsyncIterator[list[bytes | Outcome]]:
    """Yield records in batches of one transaction, whatever the blocks of the source are."""
    batch: list[bytes | Outcome] = []
    size = 0
    async for block in blocks:
        for one in block:
            batch.append(one)
            size += len(one) if isinstance(one, bytes) else 0
            if len(batch) >= MAX_BATCH_RECORDS or size >= MAX_BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
