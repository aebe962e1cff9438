"""What an import writes, a hundred records at a time."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec

from portico.api import (
    MAX_ROWS_PER_STATEMENT,
    Actor,
    AppContext,
    DomainError,
    ItemError,
    after_commit,
    chunks,
    fetch_all,
    now,
    placeholders,
)
from portico_models.events import ModelChanged
from portico_models.records import KIND, ModelDraft, ModelRecords
from portico_models.transfer.items import TURN_BYTES, Progress, draft_of
from portico_models.transfer.plan import PlannedWrite

Row = Mapping[str, Any]
_COMPARED = ("base_model_id", "name", "is_active", "meta", "params")


class RejectedItem(msgspec.Struct):
    """An object that would not be brought in. `index`: its place in the list, from 0."""

    index: int
    id: str | None
    reason: str


class Note(msgspec.Struct):
    """What of an object was not brought in as it says. `index`: its place in the list, from 0."""

    index: int
    id: str | None
    note: str


class ImportReport(msgspec.Struct, kw_only=True):
    """What an import does, by the ids of the models. `skipped`: objects without an id that could be one.

    `deleted`: of a sync only. `templates`: those that came along, where some did. `notes`, `template_notes`: what was
    left out or replaced, where something was.
    """

    created: list[str] = []
    updated: list[str] = []
    unchanged: list[str] = []
    deleted: list[str] | msgspec.UnsetType = msgspec.UNSET
    skipped: int = 0
    refused: list[RejectedItem] = []
    templates: list[str] | msgspec.UnsetType = msgspec.UNSET
    refused_templates: list[RejectedItem] | msgspec.UnsetType = msgspec.UNSET
    notes: list[Note] | msgspec.UnsetType = msgspec.UNSET
    template_notes: list[Note] | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_complete(self) -> bool:
        """Whether everything was brought in as it was sent."""
        return not (self.skipped or self.refused or self.refused_templates) and (
            self.notes is msgspec.UNSET and self.template_notes is msgspec.UNSET
        )


class ImportWriter:
    """Carries out a plan on behalf of somebody, or finds out what carrying it out would change.

    `replace_all`: what is not in the plan is deleted, and a record that is there gets the birth that the plan says.
    """

    def __init__(
        self,
        app: AppContext,
        actor: Actor,
        *,
        replace_all: bool,
        rehearsal: bool,
        on_step: Progress,
    ) -> None:
        self._app = app
        self._records = app.services.require(ModelRecords)
        self._actor = actor
        self._over_all = replace_all
        self._rehearsal = rehearsal
        self._on_step = on_step
        self._at = now()
        self._report = ImportReport()
        self._faults: list[ItemError] = []

    async def run(
        self, steps: Sequence[PlannedWrite], listed: Collection[str]
    ) -> tuple[ImportReport, list[ItemError]]:
        """Carry the plan out. In a transaction that began with `begin_change`, unless it is a rehearsal.

        `listed`: the ids of all objects, whether they can be brought in or not. The faults: of rows whose other
        half, of which the list says nothing, is not allowed any more; then it is to be undone.
        """
        if self._over_all:
            await self._delete_all_but(listed)
        for some in chunks(steps, MAX_ROWS_PER_STATEMENT):
            await self._write(some)
            self._on_step(len(some))
            await asyncio.sleep(0)  # others read meanwhile
        return self._report, self._faults

    async def _write(self, steps: Sequence[PlannedWrite]) -> None:
        before = await self._rows(steps)
        new: list[ModelDraft] = []
        others: list[ModelDraft] = []
        same: list[str] = []
        born: dict[str, int] = {}
        size = 0
        for step in steps:
            item, row = step.item, before.get(step.item.id)
            if size > TURN_BYTES:
                await asyncio.sleep(0)
                size = 0
            size += memoryview(item.raw).nbytes
            try:
                draft = draft_of(item, row)
            except DomainError as error:
                self._faults.append(ItemError(item.index, item.id, error))
                continue
            if row is None:
                born[item.id] = self._at if item.created_at is None else item.created_at
                new.append(draft)
                continue
            said = item.created_at if self._over_all else None
            born[item.id] = row["created_at"] if said is None else said
            if step.shares_as_before and self._is(row, draft, born[item.id]):
                same.append(item.id)
            else:
                others.append(draft)
        self._report.created += [draft.id for draft in new]
        self._report.updated += [draft.id for draft in others]
        self._report.unchanged += same
        if self._rehearsal:
            return
        if self._over_all:
            await self._records.touch_many(same, at=self._at)
        written = {draft.id for draft in (*new, *others)}
        by, at = self._actor.id, self._at
        owners = {step.item.id: step.owner_id for step in steps}
        for owner in dict.fromkeys(owners[draft.id] for draft in new):
            theirs = [draft for draft in new if owners[draft.id] == owner]
            await self._records.insert_many(theirs, owner, by=by, at=at, created_at=born)
        await self._records.update_many(others, by=by, at=at, created_at=born, change="imported")
        await self._app.permissions.grants.write_many(
            KIND, {step.item.id: step.sharing for step in steps if step.item.id in written}
        )
        self._tell("created", [draft.id for draft in new])
        self._tell("updated", [draft.id for draft in others])

    def _is(self, row: Row, draft: ModelDraft, created_at: int) -> bool:
        """Whether a record is already what it is to become, to the byte."""
        if self._over_all and row["created_at"] != created_at:
            return False
        return all(getattr(draft, column) == row[column] for column in _COMPARED)

    async def _rows(self, steps: Sequence[PlannedWrite]) -> dict[str, Row]:
        ids = [step.item.id for step in steps if not step.is_new]
        if not ids:
            return {}
        sql = f"SELECT * FROM models_model WHERE id IN ({placeholders(len(ids))})"  # noqa: S608
        return {one["id"]: one for one in await fetch_all(sql, *ids)}

    async def _delete_all_but(self, kept: Collection[str]) -> None:
        gone = [one for one in await self._records.ids_of() if one not in kept]
        self._report.deleted = gone
        if self._rehearsal:
            return
        for some in chunks(gone, MAX_ROWS_PER_STATEMENT):
            await self._records.delete_many(some, by=self._actor.id, at=self._at)
            await asyncio.sleep(0)
        self._tell("deleted", gone)

    def _tell(self, change: Literal["created", "updated", "deleted"], ids: Sequence[str]) -> None:
        def publish() -> None:
            for model_id in ids:
                self._app.events.publish(ModelChanged(model_id, change))

        after_commit(publish)
