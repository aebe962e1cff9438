"""Bringing models in, and making a workspace as a list says. Nothing here knows of HTTP.

Everything is looked at before anything is written, and what is written is written together or not at all.
"""

from collections.abc import Sequence

import msgspec

from portico.api import (
    MODEL_ID_TAKEN,
    Actor,
    Fault,
    ForeignKeyViolation,
    House,
    Invalid,
    NotFound,
    UniqueViolation,
    refuse_faults,
    transaction,
)
from portico_models.incoming import Batch, Progress, examine
from portico_models.planning import Planner
from portico_models.records import ModelRecords
from portico_models.template_transfer import bring_templates, rehearse_templates
from portico_models.writing import Refused, Report, Writing


def _nobody_watches(_: int) -> None:
    pass


class Transfer:
    """One import on behalf of somebody. It is used once.

    `over_all`: a sync. All records become those of the list and the caller's; what is not on it is deleted. Else new
    records are the caller's, and others change as far as the caller may write them. `under`: where in what was sent
    the list is. `drop_unknown`: whoever is named in `access_control` and is not there is left out; else that is a
    fault. `on_step`: called with how many objects are done with, of each object twice.
    """

    def __init__(
        self,
        app: House,
        actor: Actor,
        *,
        over_all: bool = False,
        under: tuple[str, ...] = (),
        drop_unknown: bool = False,
        on_step: Progress = _nobody_watches,
    ) -> None:
        self._app = app
        self._actor = actor
        self._over_all = over_all
        self._under = under
        self._drop_unknown = drop_unknown
        self._on_step = on_step

    async def run(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> Report:
        """Do it, all of it or nothing. `objects`, `templates`: JSON as bytes.

        Raises: Misshapen, Invalid, Forbidden, each with everything that is wrong.
        """
        batch, planner = await self._prepare(objects)
        if batch.faults:
            _, others = await planner.plan()
            refuse_faults([*batch.faults, *others], self._under, "models")
        try:
            async with transaction():
                await self._app.services.need(ModelRecords).begin_change()
                # Only now, when no other writer can come in between.
                steps, faults = await planner.plan()
                refuse_faults(faults, self._under, "models")
                report, faults = await self._writing(rehearsal=False).run(steps, batch.ids)
                refuse_faults(faults, self._under, "models")
                if templates:
                    brought, faults = await bring_templates(self._app, self._actor, templates)
                    refuse_faults(faults, ("templates",), "templates")
                    report.templates = brought
        except UniqueViolation as error:
            raise Invalid(MODEL_ID_TAKEN) from error
        except ForeignKeyViolation as error:  # the account was deleted meanwhile
            raise NotFound from error
        report.skipped = batch.skipped
        return report

    async def rehearse(
        self, objects: Sequence[msgspec.Raw], templates: Sequence[msgspec.Raw] = ()
    ) -> Report:
        """What `run` would do. Nothing is changed, and what is wrong with single objects is not raised but told."""
        batch, planner = await self._prepare(objects)
        steps, faults = await planner.plan()
        report, others = await self._writing(rehearsal=True).run(steps, batch.ids)
        report.skipped = batch.skipped
        every = sorted([*batch.faults, *faults, *others], key=lambda fault: fault.index)
        report.refused = [_refused(fault) for fault in every]
        if templates:
            report.templates, wrong = await rehearse_templates(self._app, self._actor, templates)
            report.refused_templates = [_refused(fault) for fault in wrong]
        return report

    async def _prepare(self, objects: Sequence[msgspec.Raw]) -> tuple[Batch, Planner]:
        batch = await examine(
            objects,
            self._app.permissions.grants.read,
            whole=self._over_all,
            on_step=self._on_step,
        )
        planner = Planner(
            self._app,
            self._actor,
            batch,
            over_all=self._over_all,
            drop_unknown=self._drop_unknown,
        )
        await planner.prepare()
        return batch, planner

    def _writing(self, *, rehearsal: bool) -> Writing:
        return Writing(
            self._app,
            self._actor,
            over_all=self._over_all,
            rehearsal=rehearsal,
            on_step=self._on_step,
        )


def _refused(fault: Fault) -> Refused:
    return Refused(fault.index, fault.id, fault.reason)
