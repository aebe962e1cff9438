"""PostgreSQL: a pool of connections, and transactions that survive cancellation."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, NoReturn

import asyncpg

from portico.db.database import Database, Row, Transaction
from portico.db.errors import (
    BadDatabase,
    Deadlock,
    ForeignKeyViolation,
    TransactionFailed,
    UniqueViolation,
)
from portico.db.through import see_through
from portico.errors import Invalid, Unavailable
from portico.settings.schema import DatabaseSettings

MIGRATION_LOCK = 7320195  # any number, as long as every release uses the same
CLOSING_TIME = 10.0  # seconds for running statements to end

_AWAY = (
    OSError,  # also the time-out of a pool without a free connection
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    # A schema change made a cached statement stale; the next try prepares it anew.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
_LOST = re.compile(r"clos(ed|ing)|released back to the pool")
_KEY = re.compile(r"^Key \((?P<columns>.+?)\)=")


#: PostgreSQL keeps any text but one with U+0000 in it.
UNSTORABLE = "A text holds a character that cannot be stored."


@contextmanager
def faults() -> Iterator[None]:
    """Errors leave this block in the words of the house."""
    try:
        yield
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
    ) as error:
        raise_translated(error)


def raise_translated(error: Exception) -> NoReturn:
    """Raise what the error means to the house, or the error itself if it is a programmer's."""
    if isinstance(error, asyncpg.UniqueViolationError):
        key = _KEY.match(error.detail or "")  # `Key (a, b)=(1, 2) already exists.`
        columns = tuple(key["columns"].split(", ")) if key else ()
        raise UniqueViolation(error.constraint_name or "", columns) from error
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        raise ForeignKeyViolation(error.constraint_name or "") from error
    if isinstance(error, asyncpg.CharacterNotInRepertoireError):
        raise Invalid(UNSTORABLE) from error
    if isinstance(error, asyncpg.DeadlockDetectedError):
        raise Deadlock from error
    # asyncpg has one class for a lost connection and for wrong use of its own interface.
    lost = isinstance(error, asyncpg.InterfaceError) and _LOST.search(str(error))
    if lost or isinstance(error, _AWAY):
        raise Unavailable from error
    raise error


class PostgresTransaction(Transaction):
    """A connection of the pool between BEGIN and its end."""

    def __init__(self, database: "Postgres", connection: Any) -> None:
        super().__init__(database)
        self.pool = database.pool
        self.connection = connection

    async def command(self, sql: str) -> None:
        """One round trip."""
        with faults(), self.statement():
            await self.connection.execute(sql)

    async def undo(self, savepoint: str) -> None:
        """Both in one round trip."""
        with faults():
            await self.connection.execute(f"ROLLBACK TO {savepoint}; RELEASE {savepoint}")

    async def commit(self) -> None:
        """After a failed statement PostgreSQL answers COMMIT with ROLLBACK, not with an error."""
        if await self._end("COMMIT") != "COMMIT":
            raise TransactionFailed

    async def rollback(self) -> None:
        """A connection that cannot do even that is closed; the server then rolls back by itself."""
        with suppress(Unavailable):
            await self._end("ROLLBACK")

    async def _end(self, sql: str) -> str:
        try:
            with faults():
                answer: str = await self.connection.execute(sql)
                return answer
        except BaseException:
            _terminate(self.connection)
            raise
        finally:
            await self.pool.release(self.connection)


class Postgres(Database):
    """A server reached by URL; `?host=/folder` in it means a Unix socket."""

    dialect = "postgres"

    def __init__(self, url: str, settings: DatabaseSettings) -> None:
        self._url = url
        self._settings = settings
        self._schema = settings.schema.replace('"', '""')
        self._pool: Any = None

    @property
    def pool(self) -> Any:
        """The connections; `Unavailable` unless started."""
        if self._pool is None:
            raise Unavailable
        return self._pool

    async def start(self) -> None:
        """Opens one connection to see that the server is there; more come when needed."""
        settings = self._settings
        await self._make_schema()
        with faults():
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=max(1, settings.pool_size + settings.pool_max_overflow),
                max_inactive_connection_lifetime=settings.pool_recycle,
                timeout=settings.pool_timeout,
                reset=_nothing_to_reset,
                server_settings=self._server_settings,
            )

    async def stop(self) -> None:
        """Waits for running statements, then closes what is left."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        await see_through(_close(pool))

    async def rows(self, sql: str, *args: Any) -> list[Row]:
        """Values must have the type of their column: no `int` for TEXT."""
        async with self._connection() as connection:
            return [dict(record) for record in await connection.fetch(sql, *args)]

    async def execute(self, sql: str, *args: Any) -> int:
        """The number comes from the server's answer, such as `UPDATE 3`."""
        async with self._connection() as connection:
            answer: str = await connection.execute(sql, *args)
            count = answer.rpartition(" ")[2]
            return int(count) if count.isdigit() else 0

    async def script(self, sql: str) -> None:
        """PostgreSQL takes a script whole."""
        async with self._connection() as connection:
            await connection.execute(sql)

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[None]:
        """An advisory lock on a connection of its own, so it ends with the process."""
        with faults():
            connection = await self._connect()
        try:
            with faults():
                await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
            yield
        finally:
            connection.terminate()

    @property
    def _server_settings(self) -> dict[str, str]:
        """Where names without a schema are looked up; empty = as the server has it."""
        return {"search_path": f'"{self._schema}"'} if self._schema else {}

    async def _connect(self) -> Any:
        """A connection outside the pool."""
        return await asyncpg.connect(
            self._url, timeout=self._settings.pool_timeout, server_settings=self._server_settings
        )

    async def _make_schema(self) -> None:
        """Raises: BadDatabase if it is not there and this role may not make it."""
        if not self._schema:
            return
        with faults():
            connection = await self._connect()
            try:
                found = "SELECT 1 FROM pg_namespace WHERE nspname = $1"
                if not await connection.fetchval(found, self._settings.schema):
                    await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
            except asyncpg.InsufficientPrivilegeError as error:
                raise BadDatabase(
                    f"There is no schema {self._settings.schema!r} (DATABASE_SCHEMA), and this role may not make it."
                ) from error
            finally:
                connection.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """The connection of the running task's transaction, else one from the pool."""
        transaction = self.inside()
        with faults():
            if isinstance(transaction, PostgresTransaction):
                with transaction.statement():
                    yield transaction.connection
            else:
                async with self.pool.acquire(timeout=self._settings.pool_timeout) as connection:
                    yield connection

    async def _begin(self) -> Transaction:
        with faults():
            connection = await self.pool.acquire(timeout=self._settings.pool_timeout)
            try:
                await connection.execute("BEGIN")
            except BaseException:
                _terminate(connection)  # it may be inside a transaction by now
                await see_through(self.pool.release(connection))
                raise
        return PostgresTransaction(self, connection)


async def _nothing_to_reset(connection: Any) -> None:
    """Saves a round trip: no session state is ever left, and asyncpg rolls back by itself."""


def _terminate(connection: Any) -> None:
    with suppress(asyncpg.InterfaceError):  # lost, and therefore back in the pool already
        connection.terminate()


async def _close(pool: Any) -> None:
    try:
        async with asyncio.timeout(CLOSING_TIME):
            await pool.close()
    except TimeoutError:
        pool.terminate()
