"""Refuses statements after a newer release has changed the schema under a running process.

An older release would return wrong data and write documents that the newer release cannot read.
"""

import json
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from portico.db.errors import Cause, unavailable

COUNT = "SELECT count(*) AS n FROM portico_migration"
APPLIED = "SELECT plugin, name FROM portico_migration"
#: Seconds between two checks of a PostgreSQL schema. On SQLite every batch of writes checks it.
TRUSTED_SECONDS = 1.0


class SchemaGuard:
    """Checks whether migrations are applied that this process does not know.

    `known`: the migrations of each owner of tables. `tolerated_sql`: returns one row with JSON in `tolerated_steps`:
    migrations that a newer release has declared safe; `$1` is `instance_id`.
    """

    def __init__(
        self, known: Mapping[str, Collection[str]], tolerated_sql: str, instance_id: str
    ) -> None:
        self.tolerated_sql, self.instance_id = tolerated_sql, instance_id
        self.cause: Cause | None = None
        self._known = known
        self._count = -1
        self._checked_at = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time to check again, on a database where a check costs a round trip."""
        return self.cause is not None or time.monotonic() - self._checked_at > TRUSTED_SECONDS

    def mark_checked(self) -> None:
        """Record that a check has started, so that others skip it."""
        self._checked_at = time.monotonic()

    def is_new(self, count: int) -> bool:
        """Return whether the number of applied migrations has changed since the last check."""
        return count != self._count or self.cause is not None

    def judge(self, applied: Iterable[tuple[str, str]], tolerated: str | None) -> None:
        """Compare the applied migrations. Raises: Unavailable if a newer release has changed the schema."""
        steps = list(applied)
        allowed: dict[str, list[str]] = json.loads(tolerated or "{}")
        unknown = [
            f"{owner} {name}"
            for owner, name in steps
            if owner in self._known
            and name not in self._known[owner]
            and name not in allowed.get(owner, ())
        ]
        self._count = len(steps)
        self.cause = (
            Cause(
                "newer",
                "a newer release has changed the schema of the database",
                f"this release does not know {', '.join(sorted(unknown))}; start the newer release instead",
            )
            if unknown
            else None
        )
        self.require()

    def require(self) -> None:
        """Raises: Unavailable if the last check found migrations of a newer release."""
        if self.cause is not None:
            raise unavailable(self.cause)


def check_on_sqlite(guard: SchemaGuard, connection: Any) -> None:
    """Check in an open SQLite transaction, which excludes migrations. Raises: Unavailable, driver errors."""
    ((count,),) = connection.execute(COUNT).fetchall()
    if guard.is_new(count):
        steps = connection.execute(APPLIED).fetchall()
        sql = guard.tolerated_sql.replace("$1", "?1")
        rows = connection.execute(sql, (guard.instance_id,)).fetchall()
        guard.judge(steps, rows[0][0] if rows else None)


async def check_on_postgres(guard: SchemaGuard, connection: Any) -> None:
    """Check on a PostgreSQL connection, at most once a second. Raises: Unavailable, driver errors."""
    if not guard.is_due:
        return
    guard.mark_checked()
    if guard.is_new(await connection.fetchval(COUNT)):
        steps = await connection.fetch(APPLIED)
        tolerated = await connection.fetchval(guard.tolerated_sql, guard.instance_id)
        guard.judge([(one["plugin"], one["name"]) for one in steps], tolerated)
