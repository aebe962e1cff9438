"""Declares when rows are deleted: after some days, or when they expire."""

from dataclasses import dataclass
from typing import Final

from portico.db.current import current_database, execute

#: Rows deleted in one statement. Takes a few milliseconds, even if each row holds a document.
BATCH_ROWS: Final = 200

# rowid and ctid exist in every table, whatever its primary key.
_DELETE: Final = {
    "sqlite": "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {where} LIMIT $2)",
    "postgres": "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {where} LIMIT $2))",
}


@dataclass(frozen=True)
class Retention:
    """When the rows of a table are deleted.

    `column`: holds the epoch seconds of when a row was written; it needs an index. `days`: 0 = never; None = `column`
    holds when a row expires, and it is deleted after that. `where`: SQL condition for rows that may be deleted; empty = all.
    """

    table: str
    column: str
    days: int | None
    where: str = ""

    async def delete_batch(self, now: int) -> int:
        """Delete one batch of rows that are too old at `now` (epoch seconds). Return how many; fewer than a batch = all."""
        if self.days is not None and self.days <= 0:
            return 0
        where = f"{self.column} < $1" + (f" AND ({self.where})" if self.where else "")
        sql = _DELETE[current_database().dialect].format(table=self.table, where=where)
        return await execute(sql, now - (self.days or 0) * 86400, BATCH_ROWS)
