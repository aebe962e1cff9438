"""Changes of models. Each one stores a version, and marks the model as changed."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.api import AppContext
from portico.api.audit import record_many
from portico.api.db import MAX_ROWS_PER_STATEMENT, chunks, execute, placeholders
from portico_models.fields.schemas import model_document
from portico_models.records.change_log import ChangeLog
from portico_models.records.draft import ModelDraft
from portico_models.records.resource_kind import KIND
from portico_models.records.rows import ModelRow, ids_of, insert_rows, replace_rows, rows_of
from portico_models.records.versions import (
    ChangeKind,
    CreationKind,
    PreviousVersion,
    VersionStore,
)

#: What entries of the audit log call the changes. Those that follow from a deletion are part of its own entry.
_EVENTS: Mapping[ChangeKind, str] = {
    "created": "model.created",
    "restored": "model.restored",
    "updated": "model.changed",
    "imported": "model.imported",
    "toggled": "model.toggled",
    "deleted": "model.deleted",
}
_TOGGLE = "UPDATE models_model SET is_active = NOT is_active, updated_at = $2 WHERE id = $1"


class ModelWriter:
    """Writes models, their tags and versions.

    Every change goes through this class, in a transaction that began with `begin_change`. `by`: the account that makes
    the change; empty = the server itself. `at`: epoch seconds. The caller writes the grants *after* the model, because
    the version contains the old ones.
    """

    def __init__(self, app: AppContext, changes: ChangeLog, versions: VersionStore) -> None:
        self._grants = app.permissions.grants
        self._changes = changes
        self._versions = versions

    async def begin_change(self) -> None:
        """Increment the revision. First statement of every transaction that writes: from here on, other writers wait."""
        await self._changes.begin_change()

    async def insert(
        self,
        draft: ModelDraft,
        owner_id: str,
        *,
        by: str,
        at: int,
        created_at: int | None = None,
        change: CreationKind = "created",
    ) -> None:
        """Insert one model; see `insert_many`."""
        created_times = {} if created_at is None else {draft.id: created_at}
        await self.insert_many(
            [draft], owner_id, by=by, at=at, created_at=created_times, change=change
        )

    async def insert_many(
        self,
        drafts: Sequence[ModelDraft],
        owner_id: str,
        *,
        by: str,
        at: int,
        created_at: Mapping[str, int] | None = None,
        updated_at: Mapping[str, int] | None = None,
        change: CreationKind = "created",
    ) -> None:
        """Insert models of one owner. `created_at`, `updated_at`: by id; default `at`. A few statements for each 100.

        `change`: `restored` if the model existed before under its id; then its older versions stay visible.

        Raises: UniqueViolation if an id, or one that looks like it, is taken; ForeignKeyViolation if the owner does not exist.
        """
        created_times, updated_times = created_at or {}, updated_at or {}
        for batch in chunks(drafts, MAX_ROWS_PER_STATEMENT):
            await insert_rows(
                [
                    ModelRow(
                        one,
                        updated_times.get(one.id, at),
                        created_times.get(one.id, at),
                        owner_id,
                    )
                    for one in batch
                ]
            )
            await self._store_versions(
                change, [PreviousVersion(one.id, owner_id, None) for one in batch], by, at
            )

    async def update(
        self, draft: ModelDraft, *, by: str, at: int, change: ChangeKind = "updated"
    ) -> bool:
        """Replace one model. Return whether it was there."""
        return bool(await self.update_many([draft], by=by, at=at, change=change))

    async def update_many(
        self,
        drafts: Sequence[ModelDraft],
        *,
        by: str,
        at: int,
        created_at: Mapping[str, int] | None = None,
        change: ChangeKind = "updated",
    ) -> list[str]:
        """Replace models, each id once; missing ones are skipped. Return the ids of the others.

        Owner and creation time stay, unless `created_at` has the id. A few statements for each 100.
        """
        created_times = created_at or {}
        done: list[str] = []
        for batch in chunks(drafts, MAX_ROWS_PER_STATEMENT):
            rows = await self._record_versions(change, [one.id for one in batch], by, at)
            before = {row["id"]: row for row in rows}
            await replace_rows(
                [
                    ModelRow(one, at, created_times.get(one.id, row["created_at"]), row["user_id"])
                    for one in batch
                    if (row := before.get(one.id))
                ]
            )
            done += before
        return done

    async def touch_many(self, ids: Sequence[str], *, at: int) -> None:
        """Set the update time of models that did not change. Stores no version."""
        for batch in chunks(ids, MAX_ROWS_PER_STATEMENT):
            sql = f"UPDATE models_model SET updated_at = $1 WHERE id IN ({placeholders(len(batch), 2)})"  # noqa: S608
            await execute(sql, at, *batch)
            await self._changes.mark_changed(batch)

    async def toggle(self, model_id: str, *, by: str, at: int) -> bool:
        """Switch a model off or on. Return whether it was there."""
        await self._record_versions("toggled", [model_id], by, at)
        return bool(await execute(_TOGGLE, model_id, at))

    async def delete(self, model_id: str, *, by: str, at: int) -> bool:
        """Delete a model with its tags and grants; its versions stay. Return whether it was there."""
        return bool(await self.delete_many([model_id], by=by, at=at))

    async def delete_many(self, ids: Sequence[str], *, by: str, at: int) -> list[str]:
        """Delete models with their tags and grants. Return the ids of those that were there."""
        done: list[str] = []
        for batch in chunks(ids, MAX_ROWS_PER_STATEMENT):
            deleted = [one["id"] for one in await self._record_versions("deleted", batch, by, at)]
            await self._grants.delete_many(KIND, deleted)
            if deleted:
                ids_list = placeholders(len(deleted))
                await execute(f"DELETE FROM models_model WHERE id IN ({ids_list})", *deleted)  # noqa: S608
            done += deleted
        return done

    async def transfer_ownership(
        self, owner_id: str, new_owner_id: str, *, by: str, at: int
    ) -> list[str]:
        """Give all models of one account to another one. Return their ids."""
        ids = await ids_of(owner_id)
        for batch in chunks(ids, MAX_ROWS_PER_STATEMENT):
            await self._record_versions("inherited", batch, by, at)
        await execute(
            "UPDATE models_model SET user_id = $2 WHERE user_id = $1", owner_id, new_owner_id
        )
        return ids

    async def record_unshared(self, ids: Sequence[str], *, by: str, at: int) -> None:
        """Store a version of models that lose a grant because its user or group is deleted."""
        for batch in chunks(ids):
            await self._record_versions("unshared", batch, by, at)

    async def delete_versions_of(self, owner_id: str) -> None:
        """Delete the versions of an account's models, so that none of them can be restored."""
        await self._versions.delete_of_owner(owner_id)

    async def _record_versions(
        self, change: ChangeKind, ids: Sequence[str], by: str, at: int
    ) -> list[dict[str, Any]]:
        """Store the current state of models as a version. Return their rows."""
        rows = await rows_of(ids)
        if not rows:
            return []
        sharings = await self._grants.sharings_of(KIND, [one["id"] for one in rows])
        versions = [
            PreviousVersion(
                one["id"],
                one["user_id"],
                msgspec.json.encode(
                    model_document(one, sharings.get(one["id"], self._grants.PRIVATE))
                ).decode(),
            )
            for one in rows
        ]
        await self._store_versions(change, versions, by, at)
        return rows

    async def _store_versions(
        self, change: ChangeKind, versions: Sequence[PreviousVersion], by: str, at: int
    ) -> None:
        await self._versions.record(change, versions, by=by, at=at)
        if event := _EVENTS.get(change):
            # What it was before is in the version.
            owners = [(one.model_id, None, {"owner": one.owner_id}) for one in versions]
            await record_many(event, KIND, owners)
        await self._changes.mark_changed([version.model_id for version in versions])
