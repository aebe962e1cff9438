"""The base classes of databases and transactions."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, BinaryIO, ClassVar, Literal

from portico.context import ContextValue
from portico.db.availability import Availability
from portico.db.errors import Cause, TransactionFailed
from portico.db.schema_guard import SchemaGuard
from portico.db.shielded import run_to_completion
from portico.db.statement_trace import commit_attributes
from portico.db.timings import DatabaseTimings
from portico.errors import DB_NOT_SQLITE, InvalidRequest, Unavailable
from portico.plugin_errors.plugin_exit import is_failure
from portico.tracing import span

Row = dict[str, Any]
Dialect = Literal["sqlite", "postgres"]

logger = logging.getLogger(__name__)
current_database_var: ContextVar["Database"] = ContextVar("portico_database")
current_transaction_var: ContextVar["Transaction | None"] = ContextVar(
    "portico_transaction", default=None
)


class Transaction(ABC):
    """An open transaction of the task that opened it. Nested blocks are savepoints."""

    def __init__(self, database: "Database") -> None:
        self.database = database
        self.task = asyncio.current_task()
        # A transaction of another database, or of the task that created this one.
        self.outer = current_transaction_var.get()
        self.callbacks: list[Callable[[], object]] = []
        self.failure: BaseException | None = None
        self.depth = 0

    @abstractmethod
    async def command(self, sql: str) -> None:
        """Run a statement without values and rows."""

    @abstractmethod
    async def rollback_to(self, savepoint: str) -> None:
        """Roll back to `savepoint` and release it."""

    @abstractmethod
    async def commit(self) -> None:
        """Commit and release the connection, also if the commit fails."""

    @abstractmethod
    async def rollback(self) -> None:
        """Roll back and release the connection, also if the rollback fails."""

    def check(self) -> None:
        """Raises: TransactionFailed after a failed statement. PostgreSQL requires that, so SQLite does the same."""
        if self.failure is not None:
            raise TransactionFailed from self.failure

    @contextmanager
    def guard_statement(self) -> Iterator[None]:
        """Wrap a statement of the transaction and record its failure."""
        self.check()
        try:
            yield
        except BaseException as error:
            self.failure = error
            raise

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A block whose writes are rolled back if it raises, without the rest of the transaction."""
        self.check()
        self.depth += 1
        name, mark = f"nested_{self.depth}", len(self.callbacks)
        try:
            await self.command(f"SAVEPOINT {name}")
            try:
                yield
                self.check()
            except BaseException:
                del self.callbacks[mark:]
                await run_to_completion(self.rollback_to(name))
                self.failure = None
                raise
            await self.command(f"RELEASE {name}")
        finally:
            self.depth -= 1

    def run_after_commit(self) -> None:
        """Call the callbacks of `after_commit`. An exception of a callback is logged."""
        for callback in self.callbacks:
            try:
                callback()
            except BaseException as error:  # the caller must see that its transaction is committed
                if not is_failure(error):
                    raise
                logger.exception("A callback after commit failed")


class Database(ABC):
    """A database. Statements use PostgreSQL placeholders (`$1`, `$2`) on SQLite too."""

    dialect: ClassVar[Dialect]

    def __init__(self) -> None:
        #: Whether statements fail now, and why.
        self.availability = Availability()
        self.timings = DatabaseTimings()
        #: Set by an application: refuses statements after a newer release has changed the schema.
        self.guard: SchemaGuard | None = None

    @abstractmethod
    def explain(self, error: BaseException) -> Cause | None:
        """Return why the database failed; None if the statement is wrong."""

    def note_failure(self, error: Unavailable) -> None:
        """Find out why a statement failed, log it once, and attach the cause to the error."""
        if (cause := self.explain(error)) is not None:
            error.cause = cause
            self.availability.begin(cause)

    @property
    def waiting(self) -> int:
        """How many statements and transactions wait for a connection, or for their turn to write."""
        return self.timings.waiting

    @property
    def connections(self) -> tuple[int, int, int] | None:
        """The connections of the pool: in use, idle, and how many there may be; None without a pool."""
        return None

    @abstractmethod
    async def start(self) -> None:
        """Open the database. Raises: Unavailable if it cannot be reached, BadDatabase if it cannot be used."""

    @abstractmethod
    async def stop(self) -> None:
        """Finish running statements, then close all connections."""

    @abstractmethod
    async def rows(self, sql: str, *args: Any) -> list[Row]:
        """Run a SELECT, or a change with RETURNING."""

    @abstractmethod
    async def execute(self, sql: str, *args: Any) -> int:
        """Run a change and return the number of changed rows (0 for DDL). It is durable on return."""

    @abstractmethod
    async def script(self, sql: str) -> None:
        """Run several statements without values. Atomic only inside a transaction."""

    async def scan(self, sql: str, *args: Any) -> list[Row]:
        """Run a SELECT that may take long. On SQLite it never sees uncommitted rows."""
        return await self.rows(sql, *args)

    async def open_copy(self) -> BinaryIO:
        """Return a consistent copy of the database as an open file, which is gone when it is closed. Close it.

        Neither readers nor writers wait for it. Raises: InvalidRequest if the database is no file, or the disk is too
        full; Unavailable.
        """
        raise InvalidRequest(DB_NOT_SQLITE)

    async def ping(self) -> None:
        """Raises: Unavailable if the database does not answer."""
        await self.rows("SELECT 1")

    @abstractmethod
    async def _begin(self) -> Transaction:
        """Open a transaction. Nothing stays open if it is cancelled."""

    @abstractmethod
    def migrating(self) -> AbstractAsyncContextManager[None]:
        """A lock held while migrating. Other processes wait for it. It ends with the process."""

    async def check_foreign_keys(self) -> None:
        """Raises: ForeignKeyViolation if a migration left dangling references."""
        return  # the database enforces them at all times

    def use(self) -> ContextValue["Database"]:
        """Make this the current database of a `with` block."""
        return ContextValue(current_database_var, self)

    def current_transaction(self) -> Transaction | None:
        """Return the open transaction of the running task, or None."""
        found = current_transaction_var.get()
        if found is None:
            return None
        while found is not None and found.database is not self:
            found = found.outer
        return found if found is not None and found.task is asyncio.current_task() else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit all statements of the block or none. A nested block that raises is rolled back alone.

        Only statements awaited by the task that opened the transaction belong to it. `gather`, `create_task` and
        (before Python 3.12) `wait_for` start other tasks, whose statements do not. On SQLite other writers wait until
        this block ends, so never wait for such a task, a model or the network inside it.
        """
        if (around := self.current_transaction()) is not None:
            async with around.savepoint():
                yield
            return
        try:
            transaction = await self._begin()
        except Unavailable as error:
            self.note_failure(error)
            raise
        token = current_transaction_var.set(transaction)
        try:
            yield
            transaction.check()
        except BaseException as error:
            current_transaction_var.reset(token)
            await run_to_completion(transaction.rollback())
            if isinstance(error, Unavailable):
                self.note_failure(error)
            raise
        current_transaction_var.reset(token)
        commit = asyncio.ensure_future(transaction.commit())
        try:
            with span("COMMIT", "client", commit_attributes(self.dialect)):
                await run_to_completion(commit)
        except Unavailable as error:
            self.note_failure(error)
            raise
        finally:  # also for a caller that was cancelled while its commit went through
            if not commit.cancelled() and commit.exception() is None:
                transaction.run_after_commit()
