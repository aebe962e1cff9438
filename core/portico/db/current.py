"""Statements on the current database."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from portico.db import database
from portico.db.database import Database, Row


def current_database() -> Database:
    """The database of this context, set by `Database.use()`."""
    try:
        return database.current_database_var.get()
    except LookupError:
        raise RuntimeError(
            "No database is in use here; enter `with database.use():` first"
        ) from None


def fetch_all(sql: str, *args: Any) -> Awaitable[list[Row]]:
    """Run a SELECT, or a change with RETURNING, on the current database."""
    return current_database().rows(sql, *args)


async def fetch_one(sql: str, *args: Any) -> Row | None:
    """The first row, if there is one. All are fetched: write `LIMIT 1` where there may be many."""
    found = await current_database().rows(sql, *args)
    return found[0] if found else None


def execute(sql: str, *args: Any) -> Awaitable[int]:
    """Run a change on the current database; the number of rows it touched."""
    return current_database().execute(sql, *args)


def fetch_all_in_thread(sql: str, *args: Any) -> Awaitable[list[Row]]:
    """Run a SELECT that may take long, without holding up other requests."""
    return current_database().scan(sql, *args)


def transaction() -> AbstractAsyncContextManager[None]:
    """Keep all statements of the block or none. See `Database.transaction`."""
    return current_database().transaction()


def in_transaction() -> bool:
    """Whether this task has a transaction open, so that what it reads may not be true yet for others."""
    return current_database().current_transaction() is not None


def after_commit(callback: Callable[[], object]) -> None:
    """Call `callback` once what this task is writing is durable; now, if no transaction is open.

    Dropped when the transaction, or the nested block it was asked for in, is undone. Must not
    block; if it raises after a commit, that is logged and the transaction stays kept.
    """
    try:
        inside = database.current_database_var.get().current_transaction()
    except LookupError:
        inside = None
    if inside is None:
        callback()
    else:
        inside.callbacks.append(callback)
