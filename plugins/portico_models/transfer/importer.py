"""Imports models into the workspace, or replaces the workspace by a list. Independent of HTTP.

Every object is checked before anything is written, and all writes are one transaction.
"""

from collections.abc import Sequence

import msgspec

from portico.api import AppContext, InvalidRequest, NotFound
from portico.api.db import ForeignKeyViolation, UniqueViolation, transaction
from portico.api.json import raise_item_errors
from portico.api.messages import MODEL_ID_TAKEN
from portico_models.records.writer import ModelWriter
from portico_models.templates.service import TemplateService
from portico_models.transfer.items import ImportBatch, check_items
from portico_models.transfer.options import ImportOptions
from portico_models.transfer.plan import ImportPlanner, PlannedWrite
from portico_models.transfer.report import ModelImportReport, Note, rejected_item
from portico_models.transfer.templates import dry_run_templates, import_templates
from portico_models.transfer.writer import ImportWriter


class ModelImport:
    """One import. Use it once."""

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

    async def run(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> ModelImportReport:
        """Import all objects or none. `objects`, `templates`: JSON as bytes.

        Raises: ValidationError, InvalidRequest, Forbidden, each with all errors.
        """
        batch, planner = await self._prepare(objects)
        if batch.errors:
            _, more_errors = await planner.plan()
            raise_item_errors([*batch.errors, *more_errors], self._options.body_path, "models")
        try:
            async with transaction():
                await self._writer.begin_change()
                # Plan again now that other writers wait.
                steps, errors = await planner.plan()
                raise_item_errors(errors, self._options.body_path, "models")
                report, errors = await self._new_writer(dry_run=False).run(steps, batch.ids)
                raise_item_errors(errors, self._options.body_path, "models")
                if templates:
                    imported = await import_templates(
                        self._app, self._templates, templates, self._options
                    )
                    raise_item_errors(imported.errors, ("templates",), "templates")
                    report.templates = imported.ids
                    report.template_notes = imported.notes or msgspec.UNSET
        except UniqueViolation as error:
            raise InvalidRequest(MODEL_ID_TAKEN) from error
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error
        self._add_notes(report, batch, steps)
        return report

    async def dry_run(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> ModelImportReport:
        """Return the report that `run` would return, without writing. It contains errors of single objects."""
        batch, planner = await self._prepare(objects)
        steps, errors = await planner.plan()
        report, more_errors = await self._new_writer(dry_run=True).run(steps, batch.ids)
        self._add_notes(report, batch, steps)
        all_errors = sorted([*batch.errors, *errors, *more_errors], key=lambda error: error.index)
        report.rejected = [rejected_item(error) for error in all_errors]
        if templates:
            imported = await dry_run_templates(self._app, self._templates, templates, self._options)
            report.templates = imported.ids
            report.rejected_templates = [rejected_item(error) for error in imported.errors]
            report.template_notes = imported.notes or msgspec.UNSET
        return report

    async def _prepare(self, objects: Sequence[msgspec.Raw]) -> tuple[ImportBatch, ImportPlanner]:
        batch = await check_items(objects, self._options)
        planner = ImportPlanner(self._app, self._options, batch)
        await planner.prepare()
        return batch, planner

    def _add_notes(
        self, report: ModelImportReport, batch: ImportBatch, steps: Sequence[PlannedWrite]
    ) -> None:
        """Add to the report which objects were skipped, and which values were not imported."""
        report.skipped = len(batch.skipped)
        notes = [Note(index, None, "it has no id; skipped") for index in batch.skipped]
        for step in steps:
            item = step.item
            notes += [Note(item.index, item.id, note) for note in (*item.notes, *step.notes)]
        report.notes = sorted(notes, key=lambda note: note.index) or msgspec.UNSET

    def _new_writer(self, *, dry_run: bool) -> ImportWriter:
        return ImportWriter(self._app, self._writer, self._options, dry_run=dry_run)
