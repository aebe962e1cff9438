"""Locks on rows that must not be deleted before the transaction ends, and on a row that is about to be deleted.

A row that belongs to an account is inserted only while the account exists. A foreign key guarantees that:

    user_id TEXT NOT NULL REFERENCES portico_account (id) ON DELETE CASCADE

A column with ids of several tables cannot have a foreign key. Then call `hold_rows` before inserting, in the same
transaction. Both take the same lock on PostgreSQL; on SQLite only one transaction writes at a time.
"""

from collections.abc import Iterable

from portico.db.current import current_database, fetch_all, in_transaction
from portico.db.statement_values import chunks, placeholders


async def hold_rows(table: str, ids: Iterable[str]) -> set[str]:
    """Return those of these ids that exist in `table`. Inside a transaction they cannot be deleted until it ends."""
    lock = " ORDER BY id FOR KEY SHARE" if _locks() else ""
    wanted = sorted({one for one in ids if "\x00" not in one})
    existing: set[str] = set()
    for some in chunks(wanted):
        sql = f"SELECT id FROM {table} WHERE id IN ({placeholders(len(some))}){lock}"  # noqa: S608
        existing |= {found["id"] for found in await fetch_all(sql, *some)}
    return existing


async def hold_for_deletion(table: str, row_id: str) -> None:
    """Wait for transactions that hold this row; after that no other transaction inserts rows that refer to it.

    Call it right before rows that refer to it are deleted or transferred for the last time.
    """
    if _locks():
        await fetch_all(f"SELECT id FROM {table} WHERE id = $1 FOR UPDATE", row_id)  # noqa: S608


def _locks() -> bool:
    return in_transaction() and current_database().dialect == "postgres"
