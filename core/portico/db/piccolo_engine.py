"""The engine Piccolo tables are bound to: whatever database is current, whoever asks."""

import sqlite3
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from piccolo.engine.base import BaseBatch, Engine
from piccolo.engine.postgres import Atomic
from piccolo.querystring import QueryString
from piccolo.table import Table

from portico.db.current import current_database
from portico.db.database import Row


class CurrentDatabaseEngine(Engine[Any]):
    """Stateless: a query goes to the current database, and so into the transaction open there."""

    __slots__ = ()
    min_version_number = 0
    log_queries = False
    log_responses = False

    def __init__(self) -> None:
        """Skips Piccolo's own, which would ask a server for its version before there is one."""

    @property
    def engine_type(self) -> str:  # type: ignore[override]  # Piccolo keeps it in a slot
        """Decides which SQL Piccolo writes, so it too follows the current database."""
        return current_database().dialect

    async def get_version(self) -> float:
        """See `get_version_sync`."""
        return self.get_version_sync()

    def get_version_sync(self) -> float:
        """Piccolo asks to learn whether SQLite knows `RETURNING` and `ON CONFLICT`."""
        major, minor, _ = sqlite3.sqlite_version_info
        return float(f"{major}.{minor:02}")

    async def prep_database(self) -> None:
        """There is nothing to prepare."""

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> list[Row]:
        """Run what Piccolo has put together."""
        database = current_database()
        sql, args = querystring.compile_string(engine_type=database.dialect)
        return await database.rows(sql, *args)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> list[Row]:
        """Run `CREATE TABLE` and its kin."""
        await current_database().execute(ddl)
        return []

    def transaction(self, *args: Any, **kwargs: Any) -> AbstractAsyncContextManager[None]:
        """The house's own transaction; Piccolo's options for it mean nothing here."""
        return current_database().transaction()

    def transaction_exists(self) -> bool:
        """Whether statements of the running task are inside a transaction."""
        return current_database().current_transaction() is not None

    def atomic(self) -> Atomic:
        """Several queries in one transaction."""
        return Atomic(engine=self)  # type: ignore[arg-type]  # it only calls `transaction()`

    async def batch(self, *args: Any, **kwargs: Any) -> BaseBatch:
        """Not offered: a cursor would hold a connection between requests for rows."""
        raise NotImplementedError("Ask for a page at a time with limit()")

    async def start_connection_pool(self) -> NoReturn:
        """Not offered: `Database.start()` opens connections."""
        raise NotImplementedError("Start the Database instead")

    async def close_connection_pool(self) -> NoReturn:
        """Not offered: `Database.stop()` closes connections."""
        raise NotImplementedError("Stop the Database instead")


CURRENT_ENGINE = CurrentDatabaseEngine()


def bind(tables: Iterable[type[Table]]) -> None:
    """Let queries on `tables` go to the current database; once per process is enough."""
    for table in tables:
        table._meta._db = CURRENT_ENGINE
