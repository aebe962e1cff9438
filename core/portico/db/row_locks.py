"""Rows that have to stay until the transaction ends, and a row that is about to be deleted.

Whatever belongs to an account is inserted only while the account exists. A foreign key sees to that:

    user_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE

Where a column cannot have one, because it holds ids of several tables, ask for the rows with `hold_rows` before
inserting, in the same transaction. Both take the same lock on PostgreSQL; on SQLite writers take turns.
"""

from collections.abc import Iterable

from portico.db.batches import chunks, placeholders
from portico.db.current import current_database, fetch_all, in_transaction


async def hold_rows(table: str, ids: Iterable[str]) -> set[str]:
    """Those of these ids that are in `table`. Inside a transaction nobody deletes them until it ends."""
    lock = " ORDER BY id FOR KEY SHARE" if _locks() else ""
    wanted = sorted({one for one in ids if "\x00" not in one})
    there: set[str] = set()
    for some in chunks(wanted):
        sql = f"SELECT id FROM {table} WHERE id IN ({placeholders(len(some))}){lock}"  # noqa: S608
        there |= {found["id"] for found in await fetch_all(sql, *some)}
    return there


async def hold_for_deletion(table: str, row_id: str) -> None:
    """Wait for all who hold this row; from then on nobody else inserts what refers to it.

    Call it right before what refers to the row is deleted or handed over for the last time.
    """
    if _locks():
        await fetch_all(f"SELECT id FROM {table} WHERE id = $1 FOR UPDATE", row_id)  # noqa: S608


def _locks() -> bool:
    return in_transaction() and current_database().dialect == "postgres"
