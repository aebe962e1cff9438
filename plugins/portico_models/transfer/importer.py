"""Imports models into the workspace, or replaces the workspace by a list. Independent of HTTP.

Every object is checked before anything is written, and all writes are one transaction; `batches.py` writes in many.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from portico.api import AppContext, InvalidRequest, NotFound
from portico.api.db import ForeignKeyViolation, UniqueViolation, transaction
from portico.api.json import raise_item_errors
from portico.api.messages import MODEL_ID_TAKEN
from portico_models.records.writer import ModelWriter
from portico_models.templates.service import TemplateService
from portico_models.transfer.items import ImportBatch, check_items
from portico_models.transfer.options import ImportOptions
from portico_models.transfer.plan import ImportPlanner
from portico_models.transfer.report import ModelImportReport, add_notes, rejected_item
from portico_models.transfer.templates import dry_run_templates, import_templates
from portico_models.transfer.writer import ImportWriter, unlisted_ids


async def prepare_import(
    app: AppContext, options: ImportOptions, objects: Sequence[msgspec.Raw]
) -> tuple[ImportBatch, ImportPlanner]:
    """Check each object by itself, and prepare the plan. Call it outside a transaction: it may query model sources."""
    batch = await check_items(objects, options)
    planner = ImportPlanner(app, options, batch)
    await planner.prepare()
    return batch, planner


@contextmanager
def constraint_errors() -> Iterator[None]:
    """Raise what a client can understand for what another writer did meanwhile. Raises: InvalidRequest, NotFound."""
    try:
        yield
    except UniqueViolation as error:
        raise InvalidRequest(MODEL_ID_TAKEN) from error
    except ForeignKeyViolation as error:  # the account was deleted
        raise NotFound from error


class ModelImport:
    """One import, all or nothing. Use it once."""

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
        batch, planner = await prepare_import(self._app, self._options, objects)
        if batch.errors:
            _, more_errors = await planner.plan()
            raise_item_errors([*batch.errors, *more_errors], self._options.body_path, "models")
        with constraint_errors():
            async with transaction():
                await self._writer.begin_change()
                # Plan again now that other writers wait.
                steps, errors = await planner.plan()
                raise_item_errors(errors, self._options.body_path, "models")
                writer = self._new_writer(dry_run=False)
                if self._options.replace_all:
                    await writer.delete(await unlisted_ids(batch.ids))
                errors = await writer.write(steps)
                raise_item_errors(errors, self._options.body_path, "models")
                if templates:
                    imported = await import_templates(
                        self._app, self._templates, templates, self._options
                    )
                    raise_item_errors(imported.errors, ("templates",), "templates")
                    writer.report.templates = imported.ids
                    writer.report.template_notes = imported.notes or msgspec.UNSET
        add_notes(writer.report, batch, steps)
        return writer.report

    async def dry_run(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> ModelImportReport:
        """Return the report that `run` would return, without writing. It contains errors of single objects."""
        batch, planner = await prepare_import(self._app, self._options, objects)
        steps, errors = await planner.plan()
        writer = self._new_writer(dry_run=True)
        if self._options.replace_all:
            await writer.delete(await unlisted_ids(batch.ids))
        more_errors = await writer.write(steps)
        report = writer.report
        add_notes(report, batch, steps)
        all_errors = sorted([*batch.errors, *errors, *more_errors], key=lambda error: error.index)
        report.rejected = [rejected_item(error) for error in all_errors]
        if templates:
            imported = await dry_run_templates(self._app, self._templates, templates, self._options)
            report.templates = imported.ids
            report.rejected_templates = [rejected_item(error) for error in imported.errors]
            report.template_notes = imported.notes or msgspec.UNSET
        return report

    def _new_writer(self, *, dry_run: bool) -> ImportWriter:
        return ImportWriter(self._app, self._writer, self._options, dry_run=dry_run)
