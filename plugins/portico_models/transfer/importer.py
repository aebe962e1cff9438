"""Bringing models in, and making a workspace as a list says. Nothing here knows of HTTP.

Everything is looked at before anything is written, and what is written is written together or not at all.
"""

from collections.abc import Sequence

import msgspec

from portico.api import (
    MODEL_ID_TAKEN,
    Actor,
    AppContext,
    ForeignKeyViolation,
    InvalidRequest,
    ItemError,
    NotFound,
    UniqueViolation,
    raise_item_errors,
    transaction,
)
from portico_models.records import ModelRecords
from portico_models.templates.transfer import bring_templates, rehearse_templates
from portico_models.transfer.items import ImportBatch, Progress, check_items
from portico_models.transfer.plan import ImportPlanner, PlannedWrite
from portico_models.transfer.writer import ImportReport, ImportWriter, Note, RejectedItem


def _nobody_watches(_: int) -> None:
    pass


class ModelImport:
    """One import on behalf of somebody. It is used once.

    `replace_all`: a sync. All records become those of the list; what is not on it is deleted. Else others' records
    change as far as the caller may write them. Records that are there keep their owners; new ones are the caller's,
    or with `keeps_owners` that account's whose they say they are, if it exists. `under`: where in what was sent the
    list is. `is_strict`: rights that cannot be taken over as they are are faults; else access is narrowed, and the
    report says so. `tells_missing`: the report also names the users and groups that were left out because they do
    not exist here. `on_step`: called with how many objects are done with, of each object twice.
    """

    def __init__(
        self,
        app: AppContext,
        actor: Actor,
        *,
        replace_all: bool = False,
        under: tuple[str, ...] = (),
        is_strict: bool = False,
        tells_missing: bool = True,
        keeps_owners: bool = False,
        on_step: Progress = _nobody_watches,
    ) -> None:
        self._app = app
        self._actor = actor
        self._over_all = replace_all
        self._under = under
        self._is_strict = is_strict
        self._tells_missing = tells_missing
        self._keeps_owners = keeps_owners
        self._on_step = on_step

    async def run(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> ImportReport:
        """Do it, all of it or nothing. `objects`, `templates`: JSON as bytes.

        Raises: Misshapen, Invalid, Forbidden, each with everything that is wrong.
        """
        batch, planner = await self._prepare(objects)
        if batch.faults:
            _, others = await planner.plan()
            raise_item_errors([*batch.faults, *others], self._under, "models")
        try:
            async with transaction():
                await self._app.services.require(ModelRecords).begin_change()
                # Only now, when no other writer can come in between.
                steps, faults = await planner.plan()
                raise_item_errors(faults, self._under, "models")
                report, faults = await self._writing(rehearsal=False).run(steps, batch.ids)
                raise_item_errors(faults, self._under, "models")
                if templates:
                    brought = await bring_templates(
                        self._app,
                        self._actor,
                        templates,
                        is_strict=self._is_strict,
                        keeps_owners=self._keeps_owners,
                    )
                    raise_item_errors(brought.faults, ("templates",), "templates")
                    report.templates = brought.ids
                    report.template_notes = brought.notes or msgspec.UNSET
        except UniqueViolation as error:
            raise InvalidRequest(MODEL_ID_TAKEN) from error
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error
        self._tell(report, batch, steps)
        return report

    async def rehearse(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> ImportReport:
        """What `run` would do. Nothing is changed, and what is wrong with single objects is not raised but told."""
        batch, planner = await self._prepare(objects)
        steps, faults = await planner.plan()
        report, others = await self._writing(rehearsal=True).run(steps, batch.ids)
        self._tell(report, batch, steps)
        every = sorted([*batch.faults, *faults, *others], key=lambda fault: fault.index)
        report.refused = [_refused(fault) for fault in every]
        if templates:
            brought = await rehearse_templates(
                self._app,
                self._actor,
                templates,
                is_strict=self._is_strict,
                keeps_owners=self._keeps_owners,
            )
            report.templates = brought.ids
            report.refused_templates = [_refused(fault) for fault in brought.faults]
            report.template_notes = brought.notes or msgspec.UNSET
        return report

    async def _prepare(self, objects: Sequence[msgspec.Raw]) -> tuple[ImportBatch, ImportPlanner]:
        batch = await check_items(
            objects,
            whole=self._over_all,
            is_strict=self._is_strict,
            on_step=self._on_step,
        )
        planner = ImportPlanner(
            self._app,
            self._actor,
            batch,
            replace_all=self._over_all,
            is_strict=self._is_strict,
            tells_missing=self._tells_missing,
            keeps_owners=self._keeps_owners,
        )
        await planner.prepare()
        return batch, planner

    def _tell(
        self, report: ImportReport, batch: ImportBatch, steps: Sequence[PlannedWrite]
    ) -> None:
        """What was passed over, and what of the rest was not taken over."""
        report.skipped = len(batch.skipped)
        notes = [Note(index, None, "it has no id; passed over") for index in batch.skipped]
        for step in steps:
            item = step.item
            notes += [Note(item.index, item.id, note) for note in (*item.notes, *step.notes)]
        report.notes = sorted(notes, key=lambda note: note.index) or msgspec.UNSET

    def _writing(self, *, rehearsal: bool) -> ImportWriter:
        return ImportWriter(
            self._app,
            self._actor,
            replace_all=self._over_all,
            rehearsal=rehearsal,
            on_step=self._on_step,
        )


def _refused(fault: ItemError) -> RejectedItem:
    return RejectedItem(fault.index, fault.id, fault.reason)
