"""PostgreSQL: a connection pool, and transactions that are ended properly when they are cancelled."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, NoReturn

import asyncpg

from portico.db.database import Database, Row, Transaction
from portico.db.errors import (
    Cause,
    Deadlock,
    ForeignKeyViolation,
    TransactionFailed,
    UniqueViolation,
    unavailable,
)
from portico.db.postgres.causes import INTERNAL_ERRORS, explain, is_unavailable
from portico.db.postgres.connector import PostgresConnector
from portico.db.schema_guard import SchemaGuard, check_on_postgres
from portico.db.shielded import run_to_completion
from portico.errors import InvalidRequest, Unavailable
from portico.settings.database import DatabaseSettings

#: Seconds for a cancelled statement to end.
RELEASE_SECONDS = 1.0
#: asyncpg replaces None by its default limit.
NO_LIMIT_SECONDS = 86400.0
#: Seconds for running statements to end.
CLOSE_SECONDS = 10.0

_KEY = re.compile(r"^Key \((?P<columns>.+?)\)=")


#: PostgreSQL cannot store U+0000.
UNSTORABLE_MESSAGE = "A text contains a character that cannot be stored."


@contextmanager
def translate_errors(database: "Postgres") -> Iterator[None]:
    """Translate exceptions of the driver into those of the core, and record their cause."""
    try:
        yield
    except Unavailable as error:
        database.note_failure(error)
        raise
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        EOFError,
        OSError,
        *INTERNAL_ERRORS,
    ) as error:
        try:
            raise_translated(error)
        except Unavailable as translated:
            database.note_failure(translated)
            raise


def raise_translated(error: Exception) -> NoReturn:
    """Raise the error of the core for an error of the driver, or the error itself if the program is wrong."""
    if isinstance(error, asyncpg.UniqueViolationError):
        key = _KEY.match(error.detail or "")  # `Key (a, b)=(1, 2) already exists.`
        columns = tuple(key["columns"].split(", ")) if key else ()
        raise UniqueViolation(error.constraint_name or "", columns) from error
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        raise ForeignKeyViolation(error.constraint_name or "") from error
    if isinstance(error, asyncpg.CharacterNotInRepertoireError):
        raise InvalidRequest(UNSTORABLE_MESSAGE) from error
    if isinstance(error, asyncpg.DeadlockDetectedError):
        raise Deadlock from error
    if is_unavailable(error):
        raise Unavailable from error
    raise error


class PostgresTransaction(Transaction):
    """A pooled connection between BEGIN and COMMIT or ROLLBACK."""

    def __init__(self, database: "Postgres", connection: Any) -> None:
        super().__init__(database)
        self.postgres = database
        self.connection = connection

    async def command(self, sql: str) -> None:
        """Run the statement in one round trip."""
        with translate_errors(self.postgres), self.guard_statement():
            await self.connection.execute(sql)

    async def rollback_to(self, savepoint: str) -> None:
        """Roll back and release in one round trip."""
        with translate_errors(self.postgres):
            await self.connection.execute(f"ROLLBACK TO {savepoint}; RELEASE {savepoint}")

    async def commit(self) -> None:
        """Commit. After a failed statement PostgreSQL answers COMMIT with ROLLBACK: then raises TransactionFailed."""
        began = time.perf_counter()
        if await self._end("COMMIT") != "COMMIT":
            raise TransactionFailed
        self.database.timings.commits.observe(time.perf_counter() - began)

    async def rollback(self) -> None:
        """Roll back. A connection that fails is closed, and the server then rolls back by itself."""
        if isinstance(self.failure, TimeoutError | asyncio.CancelledError):
            # The server may not answer, or still run a statement whose result is not needed.
            _terminate(self.connection)
            await self.postgres.release_connection(self.connection)
            return
        with suppress(Unavailable):
            await self._end("ROLLBACK")

    async def _end(self, sql: str) -> str:
        try:
            with translate_errors(self.postgres):
                answer: str = await self.connection.execute(sql)
                return answer
        except BaseException:
            _terminate(self.connection)
            raise
        finally:
            await self.postgres.release_connection(self.connection)


class Postgres(Database):
    """A PostgreSQL database, or a pooler before it. `url`: `?host=/directory` in it means a Unix socket."""

    dialect = "postgres"

    def __init__(self, url: str, settings: DatabaseSettings) -> None:
        super().__init__()
        self._settings = settings
        self._connector = PostgresConnector(url, settings)
        self._pool: Any = None
        self._last_pool: Any = None  # also while it closes
        self._migrating = False

    def explain(self, error: BaseException) -> Cause | None:
        """See `causes.explain`."""
        return explain(error)

    @property
    def pool(self) -> Any:
        """The connection pool. Raises: Unavailable if it is not started."""
        if self._pool is None:
            raise Unavailable
        return self._pool

    @property
    def connections(self) -> tuple[int, int, int] | None:
        """See the base class."""
        pool = self._pool
        if pool is None:
            return None
        size, idle = pool.get_size(), pool.get_idle_size()
        return size - idle, idle, pool.get_max_size()

    async def start(self) -> None:
        """Open one connection to check that the server answers; others are opened when needed."""
        with translate_errors(self):
            self._pool = self._last_pool = await self._connector.create_pool()

    async def stop(self) -> None:
        """Wait for running statements, then close all connections."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        await run_to_completion(_close(pool))

    async def rows(self, sql: str, *args: Any) -> list[Row]:
        """Run a query. Values must have the type of their column: no `int` for TEXT."""
        async with self._connection() as connection:
            began = time.perf_counter()
            records = await connection.fetch(sql, *args, timeout=self._limit)
            self.timings.statements.observe(time.perf_counter() - began)
            return [dict(record) for record in records]

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a change. The number of rows is read from the server's answer, such as `UPDATE 3`."""
        async with self._connection() as connection:
            began = time.perf_counter()
            answer: str = await connection.execute(sql, *args, timeout=self._limit)
            self.timings.statements.observe(time.perf_counter() - began)
            count = answer.rpartition(" ")[2]
            return int(count) if count.isdigit() else 0

    async def script(self, sql: str) -> None:
        """Run a script. PostgreSQL accepts several statements at once."""
        async with self._connection() as connection:
            await connection.execute(sql, timeout=self._limit)

    async def copy_out(
        self, table: str, columns: Sequence[str], write: Callable[[bytes], Awaitable[None]]
    ) -> int:
        """Pass the rows of a table to `write`, as COPY has them as text, and return their number. Has no time limit."""
        async with self._connection() as connection:
            answer: str = await connection.copy_from_table(
                table, columns=columns, output=write, timeout=NO_LIMIT_SECONDS
            )
        return int(answer.rpartition(" ")[2])

    async def copy_in(
        self, table: str, columns: Sequence[str], blocks: AsyncIterator[bytes]
    ) -> int:
        """Append rows that `copy_out` has passed on, and return their number. Has no time limit."""
        async with self._connection() as connection:
            answer: str = await connection.copy_to_table(
                table, columns=columns, source=blocks, timeout=NO_LIMIT_SECONDS
            )
        return int(answer.rpartition(" ")[2])

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[None]:
        """Hold an advisory lock on a connection of its own, so that it ends with the process.

        Statements have no time limit meanwhile, since a migration may rewrite a large table.
        """
        async with AsyncExitStack() as lock:
            with translate_errors(self):
                await lock.enter_async_context(self._connector.migration_lock())
            self._migrating = True
            try:
                yield
            finally:
                self._migrating = False

    @property
    def _limit(self) -> float:
        """The time limit of one statement, in seconds."""
        return NO_LIMIT_SECONDS if self._migrating else self._settings.statement_timeout

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Yield the connection of the running task's transaction, else one from the pool."""
        transaction = self.current_transaction()
        with translate_errors(self):
            if isinstance(transaction, PostgresTransaction):
                with transaction.guard_statement():
                    yield transaction.connection
                return
            if self._connector.needs_transactions:
                async with self.transaction(), self._connection() as connection:
                    yield connection
                return
            connection = await self._take()
            try:
                yield connection
            finally:
                await self.release_connection(connection)

    async def _begin(self) -> Transaction:
        with translate_errors(self):
            connection = await self._take()
            try:
                await connection.execute(self._connector.begin)
            except BaseException:
                _terminate(connection)  # it may be inside a transaction by now
                await run_to_completion(self.release_connection(connection))
                raise
        return PostgresTransaction(self, connection)

    async def _take(self) -> Any:
        """Return a free connection, after checking that this release knows the schema."""
        pool, timings, began = self.pool, self.timings, time.perf_counter()
        timings.waiting += 1
        try:
            connection = await pool.acquire(timeout=self._settings.pool_timeout)
        except TimeoutError as error:
            if pool.get_size() < pool.get_max_size() or pool.get_idle_size():
                raise  # the server did not answer
            busy = unavailable(
                Cause(
                    "busy",
                    f"no connection to PostgreSQL became free within {self._settings.pool_timeout:g} s",
                    f"all {pool.get_max_size()} are in use",
                )
            )
            raise busy from error
        finally:
            timings.waiting -= 1
            timings.waits.observe(time.perf_counter() - began)
        if self.guard is not None:
            try:
                await self._check_schema(self.guard, connection)
            except BaseException:
                await run_to_completion(self.release_connection(connection))
                raise
        return connection

    async def _check_schema(self, guard: SchemaGuard, connection: Any) -> None:
        """Raises: Unavailable if a newer release has changed the schema."""
        if not guard.is_due:
            return
        if not self._connector.needs_transactions:
            await check_on_postgres(guard, connection)
            return
        await connection.execute(self._connector.begin)
        try:
            await check_on_postgres(guard, connection)
        finally:
            await connection.execute("ROLLBACK")

    async def release_connection(self, connection: Any) -> None:
        """Return a connection to the pool. A statement that still runs has one second to end, then it is closed."""
        with suppress(asyncpg.InterfaceError, OSError, asyncpg.InternalClientError):
            await self._last_pool.release(connection, timeout=RELEASE_SECONDS)


def _terminate(connection: Any) -> None:
    with suppress(asyncpg.InterfaceError):  # it was lost and is already back in the pool
        connection.terminate()


async def _close(pool: Any) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()
