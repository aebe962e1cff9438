"""The rows of models: every statement there is. Who may do what is decided elsewhere."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico.api import (
    MAX_ROWS_PER_STATEMENT,
    AppContext,
    Sharing,
    WorkspaceModel,
    after_commit,
    chunks,
    execute,
    fetch_all,
    fetch_one,
    now,
    placeholder_rows,
    placeholders,
)
from portico_models.model_draft import ModelDraft
from portico_models.model_ids import normalized_id
from portico_models.schemas import document
from portico_models.version_store import ChangeKind, CreationKind, History, PreviousVersion

__all__ = ["ACTIONS", "GENERAL", "KIND", "ModelDraft", "ModelRecords"]

KIND: Final = "model"
#: What policies speak of; the page `models.csv` says what each one is.
ACTIONS: Final = ("list", "read", "use", "write", "delete", "share")
GENERAL: Final = (
    *("create", "invite", "publish", "override", "clear"),
    *("export", "import", "sync"),
)
#: Days for which it is known that a deleted model was changed; an instance that has not asked for half of them reads all.
CHANGES_DAYS: Final = 7
#: Seconds for which this process trusts the revision it has read; a change of its own counts at once.
TRUST: Final = 0.3

_BUMP = "UPDATE models_revision SET number = number + 1 WHERE id = 1"
_COLUMNS = (
    "id", "base_model_id", "name", "sought", "is_active", "meta", "params",
    "updated_at", "created_at", "likeness", "user_id",
)  # fmt: skip
_INSERT = f"INSERT INTO models_model ({', '.join(_COLUMNS)}) VALUES {{}}"  # noqa: S608
_REPLACE = f"{_INSERT} ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in _COLUMNS[1:]
)
# Each model once, with the revision at which it was changed last; also the ones that are gone.
_CHANGED = (
    "INSERT INTO models_change (at, model_id, revision) VALUES {} "
    "ON CONFLICT (model_id) DO UPDATE SET revision = excluded.revision, at = excluded.at"
)
_NUMBERED = "($1, ${}, (SELECT number FROM models_revision WHERE id = 1))"
_SINCE = "SELECT model_id FROM models_change WHERE revision > $1 ORDER BY revision LIMIT $2"
#: Changes that are told one by one; if there are more, reading all is not dearer.
MOST_CHANGES: Final = 1000
_TOGGLE = "UPDATE models_model SET is_active = NOT is_active, updated_at = $2 WHERE id = $1"
#: Tags in one statement.
TAGS: Final = 500


class ModelRecords:
    """All records, their tags, their history, and the number that says whether they have changed.

    Every change goes through here, in a transaction that began with `begin_change`; each keeps what was before.
    `by`: the account that makes the change; empty = the server itself. `at`: epoch seconds. Offered as
    `WorkspaceModels`. Who a record is shared with is written by whoever calls, *after* the record itself, because
    the history keeps who it was shared with before.
    """

    def __init__(self, app: AppContext, kept: int = 100) -> None:
        self._grants = app.permissions.grants
        self.history = History(kept)
        self._number = 0
        self._good_until = 0.0
        self._changes = 0
        self._asked_at = time.monotonic()

    async def revision(self) -> int:
        """Grows with every change on any instance; noticed within 0.3 s, at once for one of this process."""
        if time.monotonic() >= self._good_until:
            changes = self._changes
            found = await fetch_one("SELECT number FROM models_revision WHERE id = 1")
            self._number = found["number"] if found else 0
            if (
                changes == self._changes
            ):  # else the number may be from before a change made meanwhile
                self._good_until = time.monotonic() + TRUST
        return self._number

    async def all(self) -> list[WorkspaceModel]:
        """Every record, oldest first. Two statements."""
        self._asked_at = time.monotonic()
        found = await fetch_all("SELECT * FROM models_model ORDER BY created_at, id")
        return _workspace_models(found, await self._grants.sharings_of(KIND))

    async def since(self, revision: int) -> dict[str, WorkspaceModel | None] | None:
        """What has changed after a revision, by id, None for what is gone; or None if it is very much, or too long ago."""
        since, self._asked_at = time.monotonic() - self._asked_at, time.monotonic()
        if since > CHANGES_DAYS * 86400 / 2:
            return None
        changed = await fetch_all(_SINCE, revision, MOST_CHANGES + 1)
        if len(changed) > MOST_CHANGES:
            return None
        result: dict[str, WorkspaceModel | None] = {one["model_id"]: None for one in changed}
        for some in chunks(list(result), MAX_ROWS_PER_STATEMENT):
            found = await fetch_all(
                f"SELECT * FROM models_model WHERE id IN ({placeholders(len(some))})",  # noqa: S608
                *some,
            )
            shared = await self._grants.sharings_of(KIND, some)
            result |= {model.id: model for model in _workspace_models(found, shared)}
        return result

    async def ids_of(self, owner_id: str | None = None) -> list[str]:
        """Somebody's records, or everybody's."""
        which = " WHERE user_id = $1" if owner_id is not None else ""
        args = () if owner_id is None else (owner_id,)
        return [one["id"] for one in await fetch_all(f"SELECT id FROM models_model{which}", *args)]  # noqa: S608

    async def begin_change(self) -> None:
        """The first statement of every transaction that writes: from here on, writers take turns."""
        await execute(_BUMP)
        after_commit(self._forget)

    # -- changing -------------------------------------------------------------------------------------------

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
        """As `insert_many`."""
        births = {} if created_at is None else {draft.id: created_at}
        await self.insert_many([draft], owner_id, by=by, at=at, created_at=births, change=change)

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
        """New records of one owner. `born`: when they were made, by id; else `at`. A few statements for each 100.

        `change`: `restored` where the record lives on under its id, with all that is kept of it.

        Raises: UniqueViolation if there is one of such an id, or one a person could take for it;
        ForeignKeyViolation if the owner is gone.
        """
        for some in chunks(drafts, MAX_ROWS_PER_STATEMENT):
            await self._write(
                _INSERT, [(one, at, (created_at or {}).get(one.id, at), owner_id) for one in some]
            )
            await self._keep(
                change, [PreviousVersion(one.id, owner_id, None) for one in some], by, at
            )

    async def update(
        self, draft: ModelDraft, *, by: str, at: int, change: ChangeKind = "updated"
    ) -> bool:
        """Whether it was still there."""
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
        """Replace records, each id once; those that are not there are left out. Returns the ids of the rest.

        The owner stays, and the birth unless `born` says otherwise. A few statements for each 100.
        """
        done: list[str] = []
        for some in chunks(drafts, MAX_ROWS_PER_STATEMENT):
            before = {
                one["id"]: one for one in await self._note(change, [d.id for d in some], by, at)
            }
            there = [
                (
                    one,
                    at,
                    (created_at or {}).get(one.id, before[one.id]["created_at"]),
                    before[one.id]["user_id"],
                )
                for one in some
                if one.id in before
            ]
            await self._drop_tags(list(before))
            await self._write(_REPLACE, there)
            done += before
        return done

    async def touch_many(self, ids: Sequence[str], *, at: int) -> None:
        """Say of records that they were written now, although they are as they were: nothing goes into the history."""
        for some in chunks(ids, MAX_ROWS_PER_STATEMENT):
            sql = f"UPDATE models_model SET updated_at = $1 WHERE id IN ({placeholders(len(some), 2)})"  # noqa: S608
            await execute(sql, at, *some)
            await self._mark(some)

    async def toggle(self, model_id: str, *, by: str, at: int) -> bool:
        """Turn a record on or off. Whether it was still there."""
        await self._note("toggled", [model_id], by, at)
        return bool(await execute(_TOGGLE, model_id, at))

    async def delete(self, model_id: str, *, by: str, at: int) -> bool:
        """Whether it was still there. Its tags and all shares go with it; its history stays."""
        return bool(await self.delete_many([model_id], by=by, at=at))

    async def delete_many(self, ids: Sequence[str], *, by: str, at: int) -> list[str]:
        """Delete records with their tags and shares. Returns the ids of those that were there."""
        done: list[str] = []
        for some in chunks(ids, MAX_ROWS_PER_STATEMENT):
            found = [one["id"] for one in await self._note("deleted", some, by, at)]
            await self._grants.forget_many(KIND, found)
            if found:
                within = placeholders(len(found))
                await execute(f"DELETE FROM models_model WHERE id IN ({within})", *found)  # noqa: S608
            done += found
        return done

    async def inherit(self, owner_id: str, heir_id: str, *, by: str, at: int) -> list[str]:
        """Give all of somebody's records to somebody else. Returns their ids."""
        ids = await self.ids_of(owner_id)
        for some in chunks(ids, MAX_ROWS_PER_STATEMENT):
            await self._note("inherited", some, by, at)
        await execute("UPDATE models_model SET user_id = $2 WHERE user_id = $1", owner_id, heir_id)
        return ids

    async def unshare(self, ids: Sequence[str], *, by: str, at: int) -> None:
        """Keep what records are that somebody is about to lose, because they leave."""
        for some in chunks(ids):
            await self._note("unshared", some, by, at)

    async def _note(
        self, change: ChangeKind, ids: Sequence[str], by: str, at: int
    ) -> list[dict[str, Any]]:
        """Keep what some records are now. Returns their rows."""
        if not ids:
            return []
        sql = f"SELECT * FROM models_model WHERE id IN ({placeholders(len(ids))})"  # noqa: S608
        found = await fetch_all(sql, *ids)
        shared = await self._grants.sharings_of(KIND, [one["id"] for one in found])
        pasts = [
            PreviousVersion(
                one["id"],
                one["user_id"],
                msgspec.json.encode(
                    document(one, shared.get(one["id"], self._grants.PRIVATE))
                ).decode(),
            )
            for one in found
        ]
        await self._keep(change, pasts, by, at)
        return found

    async def _keep(
        self, change: ChangeKind, pasts: Sequence[PreviousVersion], by: str, at: int
    ) -> None:
        await self.history.note(change, pasts, by=by, at=at)
        await self._mark([past.model_id for past in pasts])

    async def _mark(self, ids: Sequence[str]) -> None:
        """Keep that these are others than at the revision before."""
        if ids:
            values = ", ".join(_NUMBERED.format(n) for n in range(2, len(ids) + 2))
            await execute(_CHANGED.format(values), now(), *ids)

    async def _write(
        self, statement: str, records: Sequence[tuple[ModelDraft, int, int, str]]
    ) -> None:
        """Write whole rows, each with when it was changed and made, and whose it is; and their tags."""
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
        for some in chunks(tags, TAGS):
            await execute(
                f"INSERT INTO models_tag (model_id, name, label) VALUES {placeholder_rows(len(some), 3)}",  # noqa: S608
                *(value for tag in some for value in tag),
            )

    async def _drop_tags(self, ids: Sequence[str]) -> None:
        if ids:
            sql = f"DELETE FROM models_tag WHERE model_id IN ({placeholders(len(ids))})"  # noqa: S608
            await execute(sql, *ids)

    def _forget(self) -> None:
        self._changes += 1
        self._good_until = 0.0


def _workspace_models(
    found: Sequence[dict[str, Any]], shared: Mapping[str, Sharing]
) -> list[WorkspaceModel]:
    return [
        WorkspaceModel(
            id=one["id"],
            owner_id=one["user_id"],
            base_model_id=one["base_model_id"],
            name=one["name"],
            params=msgspec.Raw(one["params"]),
            meta=msgspec.Raw(one["meta"]),
            access_control=shared.get(one["id"], Sharing()).document(),
            is_active=one["is_active"],
            updated_at=one["updated_at"],
            created_at=one["created_at"],
        )
        for one in found
    ]
