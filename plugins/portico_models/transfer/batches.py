"""Import of a large file from the command line: in short transactions, between which others write and sign in.

All objects are checked before the first one is written. Models are written after those they are based on, and each
batch is planned again when other writers wait, so every commit leaves models that are valid. A second run of the same
file finishes what the first one did not.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import msgspec

from portico.api import AppContext
from portico.api.db import transaction
from portico.api.json import raise_item_errors
from portico_models.records.writer import ModelWriter
from portico_models.templates.service import TemplateService
from portico_models.transfer.importer import constraint_errors, prepare_import
from portico_models.transfer.items import ModelImportItem
from portico_models.transfer.options import ImportOptions, no_progress
from portico_models.transfer.plan import ImportPlanner, PlannedWrite
from portico_models.transfer.report import ModelImportReport, add_notes
from portico_models.transfer.templates import dry_run_templates, import_templates
from portico_models.transfer.writer import ImportWriter, unlisted_ids

#: Seconds that one transaction is to take; the number of models in the next one follows from it.
BATCH_SECONDS: Final = 0.03
#: Models in one transaction: at first, at least and at most.
FIRST_BATCH_MODELS: Final = 20
MIN_BATCH_MODELS: Final = 20
MAX_BATCH_MODELS: Final = 200
#: Bytes of the objects in one transaction; a single object may have more.
BATCH_BYTES: Final = 256 * 1024
#: Templates in one transaction.
BATCH_TEMPLATES: Final = 20
#: Seconds between two transactions. Writers of other processes ask for the lock of SQLite every few milliseconds.
PAUSE_SECONDS: Final = 0.02


class BatchedModelImport:
    """One import, in batches. Use it once.

    `found`: number of models to write; 0 until all were checked. `done`: number of those that are written.
    """

    def __init__(
        self,
        app: AppContext,
        writer: ModelWriter,
        templates: TemplateService,
        options: ImportOptions,
    ) -> None:
        self._app = app
        self._writer = writer
        self._templates = templates
        self._options = options
        self._batch_models = FIRST_BATCH_MODELS
        self.found = 0
        self.done = 0

    async def run(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> ModelImportReport:
        """Import all objects. `objects`, `templates`: JSON as bytes.

        Raises: ValidationError, InvalidRequest, Forbidden, each with all errors, before anything is written; the same
        between two batches for an object that can no longer be imported because of what others wrote meanwhile.
        """
        batch, planner = await prepare_import(self._app, self._options, objects)
        steps, errors = await planner.plan()
        checking = replace(self._options, on_step=no_progress)
        errors += await ImportWriter(self._app, self._writer, checking, dry_run=True).write(steps)
        raise_item_errors([*batch.errors, *errors], self._options.body_path, "models")
        await self._check_templates(templates)

        self.found = len(steps)
        writer = ImportWriter(self._app, self._writer, self._options, dry_run=False)
        items = deque(step.item for step in sorted(steps, key=lambda step: step.depth))
        written: list[PlannedWrite] = []
        while items:
            written += await self._write(planner, writer, self._next_items(items))
        if self._options.replace_all:
            await self._delete(writer, await unlisted_ids(batch.ids))
        report = writer.report
        await self._import_templates(templates, report)
        positions = {item.id: item.index for item in batch.items}
        for ids in (report.created, report.updated, report.unchanged):
            ids.sort(key=positions.__getitem__)
        add_notes(report, batch, written)
        return report

    async def _check_templates(self, templates: Sequence[msgspec.Raw]) -> None:
        errors = []
        for first, some in _template_batches(templates):
            checked = await dry_run_templates(
                self._app, self._templates, some, self._options, first
            )
            errors += checked.errors
            await asyncio.sleep(PAUSE_SECONDS)
        raise_item_errors(errors, ("templates",), "templates")

    def _next_items(self, items: deque[ModelImportItem]) -> list[ModelImportItem]:
        """Take the objects of the next transaction."""
        taken, size = [items.popleft()], 0
        while items and len(taken) < self._batch_models:
            size += memoryview(taken[-1].raw).nbytes
            if size > BATCH_BYTES:
                break
            taken.append(items.popleft())
        return taken

    async def _write(
        self, planner: ImportPlanner, writer: ImportWriter, items: Sequence[ModelImportItem]
    ) -> list[PlannedWrite]:
        async with self._short_transaction(len(items)):
            if self._options.replace_all:
                await writer.delete(await planner.find_obstacles(items))
            steps, errors = await planner.plan_items(items)
            raise_item_errors(errors, self._options.body_path, "models")
            errors = await writer.write(steps)
            raise_item_errors(errors, self._options.body_path, "models")
        self.done += len(items)
        return steps

    async def _delete(self, writer: ImportWriter, ids: Sequence[str]) -> None:
        waiting = deque(ids)
        while waiting:
            count = min(len(waiting), self._batch_models)
            async with self._short_transaction(count):
                await writer.delete([waiting.popleft() for _ in range(count)])

    async def _import_templates(
        self, templates: Sequence[msgspec.Raw], report: ModelImportReport
    ) -> None:
        if not templates:
            return
        report.templates, notes = [], []
        for first, some in _template_batches(templates):
            async with transaction():
                imported = await import_templates(
                    self._app, self._templates, some, self._options, first
                )
                raise_item_errors(imported.errors, ("templates",), "templates")
            report.templates += imported.ids
            notes += imported.notes
            await asyncio.sleep(PAUSE_SECONDS)
        report.template_notes = notes or msgspec.UNSET

    @asynccontextmanager
    async def _short_transaction(self, models: int) -> AsyncIterator[None]:
        """Open a transaction in which other writers wait, choose the size of the next one, and let the others write."""
        with constraint_errors():
            async with transaction():
                await self._writer.begin_change()
                began_at = time.monotonic()
                yield
        fitting = int(models * BATCH_SECONDS / (time.monotonic() - began_at))
        self._batch_models = max(MIN_BATCH_MODELS, min(MAX_BATCH_MODELS, fitting))
        await asyncio.sleep(PAUSE_SECONDS)


def _template_batches(
    templates: Sequence[msgspec.Raw],
) -> Iterator[tuple[int, Sequence[msgspec.Raw]]]:
    """Yield the templates of each transaction, with the position of the first one."""
    for first in range(0, len(templates), BATCH_TEMPLATES):
        yield first, templates[first : first + BATCH_TEMPLATES]
