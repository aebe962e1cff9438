"""Writes planned models, a hundred at a time."""

import asyncio
from collections.abc import Container, Mapping, Sequence
from typing import Any, Literal

from msgspec import UNSET

from portico.api import AppContext, DomainError
from portico.api.db import (
    MAX_ROWS_PER_STATEMENT,
    after_commit,
    chunks,
    fetch_all,
    now,
    placeholders,
)
from portico.api.json import ItemError
from portico_models.records.draft import ModelDraft
from portico_models.records.resource_kind import KIND
from portico_models.records.rows import ids_of
from portico_models.records.writer import ModelWriter
from portico_models.transfer.items import BYTES_PER_STEP, draft_of
from portico_models.transfer.options import ImportOptions
from portico_models.transfer.plan import PlannedWrite
from portico_models.transfer.report import ModelImportReport
from portico_models.workspace.events import ModelChanged
from portico_models.workspace.knowledge import check_knowledge

Row = Mapping[str, Any]
_COMPARED = ("base_model_id", "name", "is_active", "meta", "params")


class ImportWriter:
    """Writes a plan, or in a dry run computes what it would change.

    In a sync, models that are not in the list are deleted, and existing models get the listed creation time. Call the
    methods in a transaction that began with `begin_change`, unless it is a dry run.
    """

    def __init__(
        self, app: AppContext, writer: ModelWriter, options: ImportOptions, *, dry_run: bool
    ) -> None:
        self._app = app
        self._writer = writer
        self._options = options
        self._dry_run = dry_run
        self._at = now()
        self._errors: list[ItemError] = []
        self.report = ModelImportReport(deleted=[] if options.replace_all else UNSET)

    async def write(self, steps: Sequence[PlannedWrite]) -> list[ItemError]:
        """Write models.

        Return errors of models whose row has become invalid in values that the object does not contain; then roll the
        transaction back.
        """
        for batch in chunks(steps, MAX_ROWS_PER_STATEMENT):
            await self._write(batch)
            self._options.on_step(len(batch))
            await asyncio.sleep(0)  # let other tasks read
        return self._errors

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete models that are not in the list of a sync."""
        assert self.report.deleted is not UNSET  # it is a sync
        self.report.deleted += ids
        if self._dry_run:
            return
        for batch in chunks(ids, MAX_ROWS_PER_STATEMENT):
            await self._writer.delete_many(batch, by=self._options.actor.id, at=self._at)
            await asyncio.sleep(0)
        self._publish_changes("deleted", ids)

    async def _write(self, steps: Sequence[PlannedWrite]) -> None:
        before = await self._rows(steps)
        new: list[ModelDraft] = []
        changed: list[ModelDraft] = []
        unchanged: list[str] = []
        created_times: dict[str, int] = {}
        size = 0
        for step in steps:
            item, row = step.item, before.get(step.item.id)
            if size > BYTES_PER_STEP:
                await asyncio.sleep(0)
                size = 0
            size += memoryview(item.raw).nbytes
            try:
                draft = draft_of(item, row)
                if row is not None and not self._options.keeps_owners:
                    await check_knowledge(self._app, self._options.actor, draft, row)
            except DomainError as error:
                self._errors.append(ItemError(item.index, item.id, error))
                continue
            if row is None:
                created_times[item.id] = self._at if item.created_at is None else item.created_at
                new.append(draft)
                continue
            given = item.created_at if self._options.replace_all else None
            created_times[item.id] = row["created_at"] if given is None else given
            if step.sharing_unchanged and self._is_unchanged(row, draft, created_times[item.id]):
                unchanged.append(item.id)
            else:
                changed.append(draft)
        self.report.created += [draft.id for draft in new]
        self.report.updated += [draft.id for draft in changed]
        self.report.unchanged += unchanged
        if self._dry_run:
            return
        if self._options.replace_all:
            await self._writer.touch_many(unchanged, at=self._at)
        written = {draft.id for draft in (*new, *changed)}
        by, at = self._options.actor.id, self._at
        owners = {step.item.id: step.owner_id for step in steps}
        for owner in dict.fromkeys(owners[draft.id] for draft in new):
            drafts = [draft for draft in new if owners[draft.id] == owner]
            await self._writer.insert_many(drafts, owner, by=by, at=at, created_at=created_times)
        await self._writer.update_many(
            changed, by=by, at=at, created_at=created_times, change="imported"
        )
        await self._app.permissions.grants.write_many(
            KIND, {step.item.id: step.sharing for step in steps if step.item.id in written}
        )
        self._publish_changes("created", [draft.id for draft in new])
        self._publish_changes("updated", [draft.id for draft in changed])

    def _is_unchanged(self, row: Row, draft: ModelDraft, created_at: int) -> bool:
        """Return whether a model already has these values, byte for byte."""
        if self._options.replace_all and row["created_at"] != created_at:
            return False
        return all(getattr(draft, column) == row[column] for column in _COMPARED)

    async def _rows(self, steps: Sequence[PlannedWrite]) -> dict[str, Row]:
        ids = [step.item.id for step in steps if not step.is_new]
        if not ids:
            return {}
        sql = f"SELECT * FROM models_model WHERE id IN ({placeholders(len(ids))})"  # noqa: S608
        return {one["id"]: one for one in await fetch_all(sql, *ids)}

    def _publish_changes(
        self, change: Literal["created", "updated", "deleted"], ids: Sequence[str]
    ) -> None:
        def publish() -> None:
            for model_id in ids:
                self._app.events.publish(ModelChanged(model_id, change))

        after_commit(publish)


async def unlisted_ids(listed: Container[str]) -> list[str]:
    """Return the ids of the stored models that are not in the list, which a sync deletes."""
    return [one for one in await ids_of() if one not in listed]
