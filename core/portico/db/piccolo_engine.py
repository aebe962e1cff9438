"""The engine that Piccolo tables are bound to. It sends each query to the current database."""

import sqlite3
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from piccolo.engine.base import BaseBatch, Engine
from piccolo.engine.postgres import Atomic
from piccolo.querystring import QueryString
from piccolo.table import Table

from portico.db.current import current_database, fetch_all
from portico.db.database import Row


class CurrentDatabaseEngine(Engine[Any]):
    """Sends queries to the current database, and so into its open transaction. Has no state."""

    __slots__ = ()
    min_version_number = 0
    log_queries = False
    log_responses = False

    def __init__(self) -> None:
        """Do not call Piccolo's `__init__`, which asks a server for its version."""

    @property
    def engine_type(self) -> str:  # type: ignore[override]  # Piccolo keeps it in a slot
        """The SQL dialect of Piccolo, that of the current database."""
        return current_database().dialect

    async def get_version(self) -> float:
        """See `get_version_sync`."""
        return self.get_version_sync()

    def get_version_sync(self) -> float:
        """Return the version of SQLite. Piccolo reads it to decide whether `RETURNING` and `ON CONFLICT` exist."""
        major, minor, _ = sqlite3.sqlite_version_info
        return float(f"{major}.{minor:02}")

    async def prep_database(self) -> None:
        """Do nothing; there is nothing to prepare."""

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> list[Row]:
        """Run a query of Piccolo."""
        sql, args = querystring.compile_string(engine_type=current_database().dialect)
        return await fetch_all(sql, *args)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> list[Row]:
        """Run `CREATE TABLE` and similar statements."""
        await current_database().execute(ddl)
        return []

    def transaction(self, *args: Any, **kwargs: Any) -> AbstractAsyncContextManager[None]:
        """Return a transaction of the current database. Piccolo's options are ignored."""
        return current_database().transaction()

    def transaction_exists(self) -> bool:
        """Return whether the running task has an open transaction."""
        return current_database().current_transaction() is not None

    def atomic(self) -> Atomic:
        """Return a batch of queries that run in one transaction."""
        return Atomic(engine=self)  # type: ignore[arg-type]  # it only calls `transaction()`

    async def batch(self, *args: Any, **kwargs: Any) -> BaseBatch:
        """Not supported: a cursor would hold a connection between requests for rows."""
        raise NotImplementedError("Use limit() to fetch a page at a time")

    async def start_connection_pool(self) -> NoReturn:
        """Not supported: `Database.start()` opens connections."""
        raise NotImplementedError("Start the Database instead")

    async def close_connection_pool(self) -> NoReturn:
        """Not supported: `Database.stop()` closes connections."""
        raise NotImplementedError("Stop the Database instead")


CURRENT_ENGINE = CurrentDatabaseEngine()


def bind(tables: Iterable[type[Table]]) -> None:
    """Send queries on `tables` to the current database. Call it once per process."""
    for table in tables:
        table._meta._db = CURRENT_ENGINE
