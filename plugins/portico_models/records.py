"""The rows of models: every SQL statement that writes them. Permissions are checked in other modules."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import AppContext
from portico.api.db import (
    MAX_ROWS_PER_STATEMENT,
    after_commit,
    chunks,
    execute,
    fetch_all,
    fetch_one,
    now,
    placeholder_rows,
    placeholders,
)
from portico.api.models import WorkspaceModel
from portico.api.policy import Sharing
from portico.api.text import likeness
from portico_models.history.store import ChangeKind, CreationKind, PreviousVersion, VersionStore
from portico_models.model_ids import normalized_id
from portico_models.schemas import model_document

KIND: Final = "model"
#: Actions in policies; the policy file `models.csv` describes each one.
ITEM_ACTIONS: Final = ("list", "read", "use", "write", "delete", "share")
COLLECTION_ACTIONS: Final = (
    *("create", "share_with_users", "share_publicly", "override", "delete_all"),
    *("export", "import", "sync"),
)
#: Days for which the change number of a deleted model is stored; an instance that did not call `since` for half of them reads all.
CHANGE_RETENTION_DAYS: Final = 7
#: Seconds for which a revision is cached; changes by this process end it at once.
REVISION_TTL_SECONDS: Final = 0.3

_INCREMENT_REVISION = "UPDATE models_revision SET number = number + 1 WHERE id = 1"
_COLUMNS = (
    "id", "base_model_id", "name", "search_text", "is_active", "meta", "params",
    "updated_at", "created_at", "normalized_id", "user_id",
)  # fmt: skip
_INSERT = f"INSERT INTO models_model ({', '.join(_COLUMNS)}) VALUES {{}}"  # noqa: S608
_REPLACE = f"{_INSERT} ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in _COLUMNS[1:]
)
# One row for each model, deleted ones included, with the revision of its last change.
_MARK_CHANGED = (
    "INSERT INTO models_change (at, model_id, revision) VALUES {} "
    "ON CONFLICT (model_id) DO UPDATE SET revision = excluded.revision, at = excluded.at"
)
_CHANGED_ROW = "($1, ${}, (SELECT number FROM models_revision WHERE id = 1))"
_SELECT_CHANGED = (
    "SELECT model_id FROM models_change WHERE revision > $1 ORDER BY revision LIMIT $2"
)
#: Changes that `since` returns; with more of them, reading all models costs less.
MAX_CHANGES: Final = 1000
_TOGGLE = "UPDATE models_model SET is_active = NOT is_active, updated_at = $2 WHERE id = $1"
#: Tags in one statement.
TAGS_PER_STATEMENT: Final = 500

#: Characters of the search text, so that an index entry has at most 2600 bytes.
MAX_SEARCH_TEXT_CHARS: Final = 650


def search_text(name: str, base_model_id: str | None) -> str:
    """Return the text that a search matches: the name, a line break, the id of the base model."""
    return f"{likeness(name)}\n{likeness(base_model_id or '')}"[:MAX_SEARCH_TEXT_CHARS]


class ModelDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A model as it will be stored: checked, `meta` and `params` as JSON text.

    `tags`: labels as their author wrote them, by the key they are compared by.
    """

    id: str
    base_model_id: str | None
    name: str
    is_active: bool
    meta: str
    params: str
    tags: Mapping[str, str]

    @property
    def columns(self) -> tuple[Any, ...]:
        """Return the values in the order of the SQL statements."""
        text = search_text(self.name, self.base_model_id)
        return (
            self.id,
            self.base_model_id,
            self.name,
            text,
            self.is_active,
            self.meta,
            self.params,
        )


class ModelRecords:
    """All models, their tags and versions, and the revision that grows with each change.

    Every change goes through this class, in a transaction that began with `begin_change`, and stores a version.
    `by`: the account that makes the change; empty = the server itself. `at`: epoch seconds. Registered as
    `WorkspaceModels`. The caller writes the grants *after* the model, because the version contains the old ones.
    """

    def __init__(self, app: AppContext, max_versions: int = 100) -> None:
        self._grants = app.permissions.grants
        self.history = VersionStore(max_versions)
        self._revision = 0
        self._revision_expires_at = 0.0
        self._own_changes = 0
        self._last_sync_at = time.monotonic()

    async def revision(self) -> int:
        """Return a number that grows with every change on any instance.

        Changes of other instances are noticed within 0.3 s, those of this process at once.
        """
        if time.monotonic() >= self._revision_expires_at:
            own_changes = self._own_changes
            row = await fetch_one("SELECT number FROM models_revision WHERE id = 1")
            self._revision = row["number"] if row else 0
            if (
                own_changes == self._own_changes
            ):  # else a change that began meanwhile may be missing from the number
                self._revision_expires_at = time.monotonic() + REVISION_TTL_SECONDS
        return self._revision

    async def all(self) -> list[WorkspaceModel]:
        """Return every model, oldest first. Two statements."""
        self._last_sync_at = time.monotonic()
        rows = await fetch_all("SELECT * FROM models_model ORDER BY created_at, id")
        return _workspace_models(rows, await self._grants.sharings_of(KIND))

    async def since(self, revision: int) -> dict[str, WorkspaceModel | None] | None:
        """Return the models that changed after a revision, by id; None for a deleted one.

        None instead of a dict: there are too many changes, or the last call was too long ago; call `all`.
        """
        age, self._last_sync_at = time.monotonic() - self._last_sync_at, time.monotonic()
        if age > CHANGE_RETENTION_DAYS * 86400 / 2:
            return None
        changed = await fetch_all(_SELECT_CHANGED, revision, MAX_CHANGES + 1)
        if len(changed) > MAX_CHANGES:
            return None
        result: dict[str, WorkspaceModel | None] = {one["model_id"]: None for one in changed}
        for batch in chunks(list(result), MAX_ROWS_PER_STATEMENT):
            rows = await fetch_all(
                f"SELECT * FROM models_model WHERE id IN ({placeholders(len(batch))})",  # noqa: S608
                *batch,
            )
            sharings = await self._grants.sharings_of(KIND, batch)
            result |= {model.id: model for model in _workspace_models(rows, sharings)}
        return result

    async def ids_of(self, owner_id: str | None = None) -> list[str]:
        """Return the ids of an owner's models; without an owner, of all models."""
        where = " WHERE user_id = $1" if owner_id is not None else ""
        args = () if owner_id is None else (owner_id,)
        return [one["id"] for one in await fetch_all(f"SELECT id FROM models_model{where}", *args)]  # noqa: S608

    async def begin_change(self) -> None:
        """Increment the revision. First statement of every transaction that writes: from here on, other writers wait."""
        await execute(_INCREMENT_REVISION)
        after_commit(self._expire_revision)

    # -- writing --------------------------------------------------------------------------------------------

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
        change: CreationKind = "created",
    ) -> None:
        """Insert models of one owner. `created_at`: by id; default `at`. A few statements for each 100.

        `change`: `restored` if the model existed before under its id; then its older versions stay visible.

        Raises: UniqueViolation if an id, or one that looks like it, is taken; ForeignKeyViolation if the owner does not exist.
        """
        for batch in chunks(drafts, MAX_ROWS_PER_STATEMENT):
            await self._write_rows(
                _INSERT, [(one, at, (created_at or {}).get(one.id, at), owner_id) for one in batch]
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
        done: list[str] = []
        for batch in chunks(drafts, MAX_ROWS_PER_STATEMENT):
            before = {
                one["id"]: one
                for one in await self._record_versions(change, [d.id for d in batch], by, at)
            }
            existing = [
                (
                    one,
                    at,
                    (created_at or {}).get(one.id, before[one.id]["created_at"]),
                    before[one.id]["user_id"],
                )
                for one in batch
                if one.id in before
            ]
            await self._delete_tags(list(before))
            await self._write_rows(_REPLACE, existing)
            done += before
        return done

    async def touch_many(self, ids: Sequence[str], *, at: int) -> None:
        """Set the update time of models that did not change. Stores no version."""
        for batch in chunks(ids, MAX_ROWS_PER_STATEMENT):
            sql = f"UPDATE models_model SET updated_at = $1 WHERE id IN ({placeholders(len(batch), 2)})"  # noqa: S608
            await execute(sql, at, *batch)
            await self._mark_changed(batch)

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
        ids = await self.ids_of(owner_id)
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

    async def _record_versions(
        self, change: ChangeKind, ids: Sequence[str], by: str, at: int
    ) -> list[dict[str, Any]]:
        """Store the current state of models as a version. Return their rows."""
        if not ids:
            return []
        sql = f"SELECT * FROM models_model WHERE id IN ({placeholders(len(ids))})"  # noqa: S608
        rows = await fetch_all(sql, *ids)
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
        await self.history.record(change, versions, by=by, at=at)
        await self._mark_changed([version.model_id for version in versions])

    async def _mark_changed(self, ids: Sequence[str]) -> None:
        """Set the revision of the last change of these models."""
        if ids:
            values = ", ".join(_CHANGED_ROW.format(n) for n in range(2, len(ids) + 2))
            await execute(_MARK_CHANGED.format(values), now(), *ids)

    async def _write_rows(
        self, statement: str, records: Sequence[tuple[ModelDraft, int, int, str]]
    ) -> None:
        """Write rows, each with update time, creation time and owner; and their tags."""
        if not records:
            return
        values: list[Any] = []
        for draft, updated_at, created_at, owner_id in records:
            values += (*draft.columns, updated_at, created_at, normalized_id(draft.id), owner_id)
        await execute(
            statement.format(placeholder_rows(len(records), len(_COLUMNS))),
            *values,
        )
        tags = [(one.id, *tag) for one, *_ in records for tag in one.tags.items()]
        for batch in chunks(tags, TAGS_PER_STATEMENT):
            await execute(
                f"INSERT INTO models_tag (model_id, name, label) VALUES {placeholder_rows(len(batch), 3)}",  # noqa: S608
                *(value for tag in batch for value in tag),
            )

    async def _delete_tags(self, ids: Sequence[str]) -> None:
        if ids:
            sql = f"DELETE FROM models_tag WHERE model_id IN ({placeholders(len(ids))})"  # noqa: S608
            await execute(sql, *ids)

    def _expire_revision(self) -> None:
        self._own_changes += 1
        self._revision_expires_at = 0.0


def _workspace_models(
    rows: Sequence[dict[str, Any]], sharings: Mapping[str, Sharing]
) -> list[WorkspaceModel]:
    return [
        WorkspaceModel(
            id=one["id"],
            owner_id=one["user_id"],
            base_model_id=one["base_model_id"],
            name=one["name"],
            params=msgspec.Raw(one["params"]),
            meta=msgspec.Raw(one["meta"]),
            access_control=sharings.get(one["id"], Sharing()).document(),
            is_active=one["is_active"],
            updated_at=one["updated_at"],
            created_at=one["created_at"],
        )
        for one in rows
    ]
