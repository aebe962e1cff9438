"""Rows that are deleted when they are old."""

from dataclasses import dataclass
from typing import Final

from portico.db.current import current_database, execute

#: Rows in one statement: few milliseconds, also where each is a document.
BATCH_ROWS: Final = 200

# Whatever the key of a table is, each row has a place.
_DELETE: Final = {
    "sqlite": "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {where} LIMIT $2)",
    "postgres": "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {where} LIMIT $2))",
}


@dataclass(frozen=True)
class Retention:
    """How long the rows of a table are kept.

    `column`: when a row was written, in epoch seconds; it needs an index. `days`: 0 = for ever. `where`: SQL, which rows
    may be deleted at all; empty = all.
    """

    table: str
    column: str
    days: int
    where: str = ""

    async def delete_batch(self, now: int) -> int:
        """Delete some of the rows that are too old at `now` (epoch seconds). Returns how many; less than a batch = all."""
        if self.days <= 0:
            return 0
        where = f"{self.column} < $1" + (f" AND ({self.where})" if self.where else "")
        sql = _DELETE[current_database().dialect].format(table=self.table, where=where)
        return await execute(sql, now - self.days * 86400, BATCH_ROWS)
