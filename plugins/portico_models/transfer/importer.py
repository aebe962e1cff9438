"""Imports models into the workspace, or replaces the workspace by a list. Independent of HTTP.

Every object is checked before anything is written, and all writes are one transaction.
"""

from collections.abc import Sequence

import msgspec

from portico.api import AppContext, InvalidRequest, NotFound
from portico.api.auth import Actor
from portico.api.db import ForeignKeyViolation, UniqueViolation, transaction
from portico.api.messages import MODEL_ID_TAKEN
from portico.api.web import ItemError, raise_item_errors
from portico_models.records.writer import ModelWriter
from portico_models.templates.service import TemplateService
from portico_models.transfer.items import ImportBatch, Progress, check_items
from portico_models.transfer.plan import ImportPlanner, PlannedWrite
from portico_models.transfer.templates import dry_run_templates, import_templates
from portico_models.transfer.writer import ImportWriter, ModelImportReport, Note, RejectedItem


def _no_progress(_: int) -> None:
    pass


class ModelImport:
    """One import for an actor. Use it once.

    `replace_all`: a sync: all models become those of the list, others are deleted. Otherwise only models the actor may
    write are changed. Existing models keep their owners; new ones get the actor as owner, or with `keeps_owners` the
    account they name, if it exists. `body_path`: keys on the way to the list in the body. `is_strict`: access fields that
    cannot be imported unchanged are errors; otherwise access is reduced, with a note. `reports_missing`: add notes about
    users and groups that do not exist here. `on_step`: called with the number of objects done, twice for each object.
    """

    def __init__(
        self,
        app: AppContext,
        actor: Actor,
        writer: ModelWriter,
        templates: TemplateService,
        *,
        replace_all: bool = False,
        body_path: tuple[str, ...] = (),
        is_strict: bool = False,
        reports_missing: bool = True,
        keeps_owners: bool = False,
        on_step: Progress = _no_progress,
    ) -> None:
        self._app = app
        self._actor = actor
        self._writer = writer
        self._templates = templates
        self._replace_all = replace_all
        self._body_path = body_path
        self._is_strict = is_strict
        self._reports_missing = reports_missing
        self._keeps_owners = keeps_owners
        self._on_step = on_step

    async def run(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> ModelImportReport:
        """Import all objects or none. `objects`, `templates`: JSON as bytes.

        Raises: ValidationError, InvalidRequest, Forbidden, each with all errors.
        """
        batch, planner = await self._prepare(objects)
        if batch.errors:
            _, more_errors = await planner.plan()
            raise_item_errors([*batch.errors, *more_errors], self._body_path, "models")
        try:
            async with transaction():
                await self._writer.begin_change()
                # Plan again now that other writers wait.
                steps, errors = await planner.plan()
                raise_item_errors(errors, self._body_path, "models")
                report, errors = await self._new_writer(dry_run=False).run(steps, batch.ids)
                raise_item_errors(errors, self._body_path, "models")
                if templates:
                    imported = await import_templates(
                        self._app,
                        self._actor,
                        self._templates,
                        templates,
                        is_strict=self._is_strict,
                        keeps_owners=self._keeps_owners,
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
        report.rejected = [_rejected_item(error) for error in all_errors]
        if templates:
            imported = await dry_run_templates(
                self._app,
                self._actor,
                self._templates,
                templates,
                is_strict=self._is_strict,
                keeps_owners=self._keeps_owners,
            )
            report.templates = imported.ids
            report.rejected_templates = [_rejected_item(error) for error in imported.errors]
            report.template_notes = imported.notes or msgspec.UNSET
        return report

    async def _prepare(self, objects: Sequence[msgspec.Raw]) -> tuple[ImportBatch, ImportPlanner]:
        batch = await check_items(
            objects,
            require_complete=self._replace_all,
            is_strict=self._is_strict,
            on_step=self._on_step,
        )
        planner = ImportPlanner(
            self._app,
            self._actor,
            batch,
            replace_all=self._replace_all,
            is_strict=self._is_strict,
            reports_missing=self._reports_missing,
            keeps_owners=self._keeps_owners,
        )
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
        return ImportWriter(
            self._app,
            self._actor,
            self._writer,
            replace_all=self._replace_all,
            dry_run=dry_run,
            on_step=self._on_step,
        )


def _rejected_item(error: ItemError) -> RejectedItem:
    return RejectedItem(error.index, error.id, error.reason)
