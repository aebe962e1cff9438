"""The rows of models: every statement there is. Who may do what is decided elsewhere."""

import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from portico.api import House, WorkspaceModel, after_commit, execute, row, rows

KIND: Final = "model"
#: What policies speak of; the page `models.csv` says what each one is.
ACTIONS: Final = ("list", "read", "use", "write", "delete", "share")
GENERAL: Final = ("create", "invite", "publish", "override")
#: Seconds for which this process trusts the revision it has read; a change of its own counts at once.
TRUST: Final = 0.3

_BUMP = "UPDATE models_revision SET number = number + 1 WHERE id = 1"
_INSERT = (
    "INSERT INTO models_model (id, base_model_id, name, sought, is_active, meta, params, updated_at, "
    "likeness, user_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $8)"
)
_UPDATE = (
    "UPDATE models_model SET base_model_id = $2, name = $3, sought = $4, is_active = $5, meta = $6, "
    "params = $7, updated_at = $8 WHERE id = $1"
)
_INHERIT = "UPDATE models_model SET user_id = $2 WHERE user_id = $1 RETURNING id"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants a record to be: checked, and as it is stored. `tags`: folded to one case."""

    id: str
    base_model_id: str | None
    name: str
    is_active: bool
    meta: str
    params: str
    tags: Sequence[str]

    @property
    def columns(self) -> tuple[Any, ...]:
        """Values in the order in which the statements name them."""
        sought = f"{self.name}\n{self.base_model_id or ''}".casefold()
        return (
            self.id,
            self.base_model_id,
            self.name,
            sought,
            self.is_active,
            self.meta,
            self.params,
        )


class ModelRecords:
    """All records, and the number that says whether they have changed. Offered as `WorkspaceModels`."""

    def __init__(self, app: House) -> None:
        self._grants = app.permissions.grants
        self._number = 0
        self._good_until = 0.0
        self._changes = 0

    async def revision(self) -> int:
        """Grows with every change on any instance; noticed within 0.3 s, at once for one of this process."""
        if time.monotonic() >= self._good_until:
            changes = self._changes
            found = await row("SELECT number FROM models_revision WHERE id = 1")
            self._number = found["number"] if found else 0
            if (
                changes == self._changes
            ):  # else the number may be from before a change made meanwhile
                self._good_until = time.monotonic() + TRUST
        return self._number

    async def all(self) -> list[WorkspaceModel]:
        """Every record, oldest first. Two statements."""
        found = await rows("SELECT * FROM models_model ORDER BY created_at, id")
        shared = await self._grants.of_many(KIND)
        return [
            WorkspaceModel(
                id=one["id"],
                owner_id=one["user_id"],
                base_model_id=one["base_model_id"],
                name=one["name"],
                params=msgspec.Raw(one["params"]),
                meta=msgspec.Raw(one["meta"]),
                access_control=shared.get(one["id"], self._grants.nobody).document(),
                is_active=one["is_active"],
                updated_at=one["updated_at"],
                created_at=one["created_at"],
            )
            for one in found
        ]

    async def since(self, revision: int) -> None:
        """What has changed is not kept: ask for all."""

    async def begin_change(self) -> None:
        """The first statement of every transaction that writes: from here on, writers take turns."""
        await execute(_BUMP)
        after_commit(self._forget)

    async def insert(self, draft: Draft, likeness: str, owner_id: str, at: int) -> None:
        """Raises: UniqueViolation if there is one of this id, or one a person could take for it."""
        await execute(_INSERT, *draft.columns, at, likeness, owner_id)
        await self._write_tags(draft)

    async def update(self, draft: Draft, at: int) -> bool:
        """Whether it was still there."""
        if not await execute(_UPDATE, *draft.columns, at):
            return False
        await execute("DELETE FROM models_tag WHERE model_id = $1", draft.id)
        await self._write_tags(draft)
        return True

    async def delete(self, model_id: str) -> bool:
        """Whether it was still there. Its tags and all shares go with it."""
        await self._grants.forget(KIND, model_id)
        return bool(await execute("DELETE FROM models_model WHERE id = $1", model_id))

    async def inherit(self, owner_id: str, heir_id: str) -> list[str]:
        """Give all of somebody's records to somebody else. Returns their ids."""
        return [one["id"] for one in await rows(_INHERIT, owner_id, heir_id)]

    async def ids_of(self, owner_id: str) -> list[str]:
        """Somebody's records."""
        found = await rows("SELECT id FROM models_model WHERE user_id = $1", owner_id)
        return [one["id"] for one in found]

    async def _write_tags(self, draft: Draft) -> None:
        for tag in draft.tags:
            await execute("INSERT INTO models_tag (model_id, name) VALUES ($1, $2)", draft.id, tag)

    def _forget(self) -> None:
        self._changes += 1
        self._good_until = 0.0
