"""The revision of the workspace, which grows with each change, and which models changed at which revision."""

import time
from collections.abc import Sequence
from typing import Final

from portico.api.db import after_commit, execute, fetch_all, fetch_one, now

#: Days for which the change number of a deleted model is stored; an instance that did not call `since` for half of them reads all.
CHANGE_RETENTION_DAYS: Final = 7
#: Seconds for which a revision is cached; changes by this process end it at once.
REVISION_TTL_SECONDS: Final = 0.3
#: Changes that `changed_ids` returns; with more of them, reading all models costs less.
MAX_CHANGES: Final = 1000

_INCREMENT_REVISION = "UPDATE models_revision SET number = number + 1 WHERE id = 1"
# One row for each model, deleted ones included, with the revision of its last change.
_MARK_CHANGED = (
    "INSERT INTO models_change (at, model_id, revision) VALUES {} "
    "ON CONFLICT (model_id) DO UPDATE SET revision = excluded.revision, at = excluded.at"
)
_CHANGED_ROW = "($1, ${}, (SELECT number FROM models_revision WHERE id = 1))"
_SELECT_CHANGED = (
    "SELECT model_id FROM models_change WHERE revision > $1 ORDER BY revision LIMIT $2"
)


class ChangeLog:
    """Which models changed, on any instance."""

    def __init__(self) -> None:
        self._revision = 0
        self._revision_expires_at = 0.0
        self._own_changes = 0

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

    async def changed_ids(self, after: int) -> list[str] | None:
        """Return the ids of the models that changed after a revision, deleted ones too; None if there are too many."""
        changed = await fetch_all(_SELECT_CHANGED, after, MAX_CHANGES + 1)
        return [one["model_id"] for one in changed] if len(changed) <= MAX_CHANGES else None

    async def begin_change(self) -> None:
        """Increment the revision. First statement of every transaction that writes: from here on, other writers wait."""
        await execute(_INCREMENT_REVISION)
        after_commit(self._expire_revision)

    async def mark_changed(self, ids: Sequence[str]) -> None:
        """Set the revision of the last change of these models, at most 500."""
        if ids:
            values = ", ".join(_CHANGED_ROW.format(n) for n in range(2, len(ids) + 2))
            await execute(_MARK_CHANGED.format(values), now(), *ids)

    def _expire_revision(self) -> None:
        self._own_changes += 1
        self._revision_expires_at = 0.0
