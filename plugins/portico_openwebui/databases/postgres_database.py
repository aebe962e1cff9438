"""A PostgreSQL database, read in one snapshot."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from portico.api import OperatorError
from portico_openwebui.databases.source_database import (
    MAX_PAGE_BYTES,
    SourceDatabase,
    bytes_of,
    quoted,
)
from portico_openwebui.databases.source_url import PostgresSource
from portico_openwebui.values import Row

T = TypeVar("T")

_CONNECT_SECONDS: Final = 20
#: Rows of the first page, whose bytes say how many the next one has.
_FIRST_ROWS: Final = 8
_COLUMNS: Final = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"


class PostgresDatabase(SourceDatabase):
    """One read-only transaction in which all reads see the same moment. Statements run one after the other."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        self.columns = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, source: PostgresSource) -> "AsyncIterator[PostgresDatabase]":
        """Connect. Raises: OperatorError, which contains no part of the URL but host, port and name."""
        connection = await _connected(source)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                    await connection.execute(f"SET LOCAL {name} = 0")
                await connection.execute(
                    "SELECT set_config('search_path', $1, true)", quoted(source.schema)
                )
                database = cls(connection)
                await database._read_columns()
                yield database
        finally:
            connection.terminate()

    async def pages(
        self, table: str, columns: Sequence[str], *, where: str = "", max_rows: int = 500
    ) -> AsyncIterator[list[Row]]:
        """Yield the rows of a table through a cursor of the transaction."""
        if not self.has(table):
            return
        condition = f" WHERE {where}" if where else ""
        sql = f"SELECT {self._list(table, columns)} FROM {quoted(table)}{condition}"  # noqa: S608 - names of ours
        cursor = await self._run(self._connection.cursor(sql))
        wanted = min(_FIRST_ROWS, max_rows)
        while True:
            records = await self._run(cursor.fetch(wanted))
            if records:
                yield [dict(record) for record in records]
            if len(records) < wanted:
                return
            size = sum(bytes_of(tuple(record)) for record in records) // len(records) + 1
            wanted = max(1, min(max_rows, MAX_PAGE_BYTES // size, wanted * 8))

    async def _select_keys(self, sql: str, keys: list[str]) -> list[Row]:
        return [dict(record) for record in await self._run(self._connection.fetch(sql, keys))]

    async def _count(self, sql: str) -> int:
        return int(await self._run(self._connection.fetchval(sql)))

    def _keys_condition(self, column: str, count: int) -> str:
        return f"{column}::text = ANY ($1::text[])"

    async def _read_columns(self) -> None:
        found: dict[str, set[str]] = {}
        for table, column in await self._run(self._connection.fetch(_COLUMNS)):
            found.setdefault(table, set()).add(column)
        self.columns = {table: frozenset(columns) for table, columns in found.items()}

    async def _run(self, work: Awaitable[T]) -> T:
        from asyncpg import InterfaceError, PostgresError

        async with self._lock:
            try:
                return await work
            except (PostgresError, InterfaceError, OSError) as error:
                raise OperatorError(
                    f"The source database does not answer any more: {type(error).__name__}. Import again: what was taken stays."
                ) from None


async def _connected(source: PostgresSource) -> Any:
    import asyncpg

    try:
        return await asyncpg.connect(
            source.url,
            password=source.password,
            timeout=_CONNECT_SECONDS,
            statement_cache_size=0,  # a pooler between may change the server connection
        )
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        OSError,
        ValueError,
        TimeoutError,
    ) as error:
        raise OperatorError(
            f"{source.shown} cannot be reached, or refuses the connection: {type(error).__name__}. Check the address, the user and "
            "the password."
        ) from None
