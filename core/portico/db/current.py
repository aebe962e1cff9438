"""Runs statements on the current database."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from portico.db import database
from portico.db.database import Database, Row
from portico.db.statement_trace import traced_statement
from portico.tracing import current_trace


def current_database() -> Database:
    """Return the database that `Database.use()` has set in this context. Raises: RuntimeError if there is none."""
    try:
        return database.current_database_var.get()
    except LookupError:
        raise RuntimeError(
            "No database is in use here; enter `with database.use():` first"
        ) from None


def fetch_all(sql: str, *args: Any) -> Awaitable[list[Row]]:
    """Run a SELECT, or a change with RETURNING. Raises: UniqueViolation, ForeignKeyViolation, Unavailable."""
    used = current_database()
    if current_trace() is None:
        return used.rows(sql, *args)
    return traced_statement(used.dialect, sql, used.rows(sql, *args))


async def fetch_one(sql: str, *args: Any) -> Row | None:
    """Return the first row or None. All rows are fetched: add `LIMIT 1` if there may be many. Raises: as `fetch_all`."""
    found = await fetch_all(sql, *args)
    return found[0] if found else None


def execute(sql: str, *args: Any) -> Awaitable[int]:
    """Run a change and return the number of changed rows. Raises: UniqueViolation, ForeignKeyViolation, Unavailable."""
    used = current_database()
    if current_trace() is None:
        return used.execute(sql, *args)
    return traced_statement(used.dialect, sql, used.execute(sql, *args))


def fetch_all_in_thread(sql: str, *args: Any) -> Awaitable[list[Row]]:
    """Run a SELECT that may take long without blocking other requests. Raises: Unavailable."""
    used = current_database()
    if current_trace() is None:
        return used.scan(sql, *args)
    return traced_statement(used.dialect, sql, used.scan(sql, *args))


def transaction() -> AbstractAsyncContextManager[None]:
    """Commit all statements of the block or none. See `Database.transaction`."""
    return current_database().transaction()


def in_transaction() -> bool:
    """Return whether this task has an open transaction, whose changes other tasks do not see yet."""
    return current_database().current_transaction() is not None


def after_commit(callback: Callable[[], object]) -> None:
    """Call `callback` after the commit of this task's transaction; at once if no transaction is open.

    It is not called if the transaction, or the nested block it was registered in, is rolled back. It must not
    block. If it raises after the commit, the exception is logged and the commit stays.
    """
    try:
        inside = database.current_database_var.get().current_transaction()
    except LookupError:
        inside = None
    if inside is None:
        callback()
    else:
        inside.callbacks.append(callback)
