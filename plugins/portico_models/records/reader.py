"""The records as the catalogue reads them: all of them, or those that changed."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.api import AppContext
from portico.api.db import (
    MAX_ROWS_PER_STATEMENT,
    chunks,
    contains_pattern,
    fetch_all,
    fetch_all_in_thread,
)
from portico.api.models import WorkspaceModel
from portico.api.policy import Sharing
from portico_models.records.change_log import CHANGE_RETENTION_DAYS, ChangeLog
from portico_models.records.resource_kind import KIND
from portico_models.records.rows import rows_of

_MENTIONED = "SELECT 1 AS found FROM models_model WHERE meta LIKE $1 ESCAPE '!' LIMIT 1"


class ModelReader:
    """All models with their sharing. Registered as `WorkspaceModels`."""

    def __init__(self, app: AppContext, changes: ChangeLog) -> None:
        self._grants = app.permissions.grants
        self._changes = changes
        self._last_sync_at = time.monotonic()

    async def revision(self) -> int:
        """Return a number that grows with every change on any instance; see `ChangeLog.revision`."""
        return await self._changes.revision()

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
        ids = await self._changes.changed_ids(revision)
        if ids is None:
            return None
        result: dict[str, WorkspaceModel | None] = dict.fromkeys(ids)
        for batch in chunks(ids, MAX_ROWS_PER_STATEMENT):
            rows = await rows_of(batch)
            sharings = await self._grants.sharings_of(KIND, batch)
            result |= {model.id: model for model in _workspace_models(rows, sharings)}
        return result

    async def is_mentioned(self, text: str) -> bool:
        """Return whether `meta` of a model contains this text."""
        return bool(await fetch_all_in_thread(_MENTIONED, contains_pattern(text)))


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
