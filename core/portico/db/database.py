"""What every database can do: statements, transactions, and being the current one."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Literal

from portico.context import ContextValue
from portico.db.availability import Availability
from portico.db.errors import Cause, TransactionFailed
from portico.db.schema_guard import SchemaGuard
from portico.db.shielded import run_to_completion
from portico.errors import Unavailable

Row = dict[str, Any]
Dialect = Literal["sqlite", "postgres"]

logger = logging.getLogger(__name__)
current_database_var: ContextVar["Database"] = ContextVar("portico_database")
current_transaction_var: ContextVar["Transaction | None"] = ContextVar(
    "portico_transaction", default=None
)


class Transaction(ABC):
    """One open transaction, of the task that opened it; nested blocks are its savepoints."""

    def __init__(self, database: "Database") -> None:
        self.database = database
        self.task = asyncio.current_task()
        self.outer = (
            current_transaction_var.get()
        )  # of another database, or inherited from the task that spawned this one
        self.callbacks: list[Callable[[], object]] = []
        self.failure: BaseException | None = None
        self.depth = 0

    @abstractmethod
    async def command(self, sql: str) -> None:
        """Run a statement that takes no values and gives no rows."""

    @abstractmethod
    async def rollback_to(self, savepoint: str) -> None:
        """Take back everything since `savepoint`, and forget it."""

    @abstractmethod
    async def commit(self) -> None:
        """Make it durable and give the connection back, also when that fails."""

    @abstractmethod
    async def rollback(self) -> None:
        """Take everything back and give the connection back, also when that fails."""

    def check(self) -> None:
        """Refuse to go on after a failed statement: PostgreSQL does, so SQLite does too."""
        if self.failure is not None:
            raise TransactionFailed from self.failure

    @contextmanager
    def guard_statement(self) -> Iterator[None]:
        """Everything that talks to the database inside the transaction happens in here."""
        self.check()
        try:
            yield
        except BaseException as error:
            self.failure = error
            raise

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A block whose writes, and only they, are taken back when an exception leaves it."""
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
        """Call what waited for the commit. Rows are safe: a failing callback is logged."""
        for callback in self.callbacks:
            try:
                callback()
            except Exception:  # noqa: BLE001 - the caller must hear that its transaction was kept
                logger.exception("A callback after commit failed")


class Database(ABC):
    """A place for rows. Statements use PostgreSQL placeholders (`$1`, `$2`) on every database."""

    dialect: ClassVar[Dialect]

    def __init__(self) -> None:
        #: Why statements are refused now, if they are.
        self.availability = Availability()
        #: Set by an application: refuses statements once a newer release has changed the schema.
        self.guard: SchemaGuard | None = None

    @abstractmethod
    def explain(self, error: BaseException) -> Cause | None:
        """Why the database refused, where it is the database and not the statement."""

    def note_failure(self, error: Unavailable) -> None:
        """A statement was refused: find out why, say it once, and attach it to the error."""
        if (cause := self.explain(error)) is not None:
            error.cause = cause
            self.availability.begin(cause)

    @abstractmethod
    async def start(self) -> None:
        """Open it. Raises `Unavailable` when it is away, `BadDatabase` when it cannot be used."""

    @abstractmethod
    async def stop(self) -> None:
        """Finish what was asked for, then close every connection."""

    @abstractmethod
    async def rows(self, sql: str, *args: Any) -> list[Row]:
        """Run a SELECT, or a change with RETURNING."""

    @abstractmethod
    async def execute(self, sql: str, *args: Any) -> int:
        """Run a change and return how many rows it touched (0 for DDL). Durable when it returns."""

    @abstractmethod
    async def script(self, sql: str) -> None:
        """Run several statements without values. Atomic only inside a transaction."""

    async def scan(self, sql: str, *args: Any) -> list[Row]:
        """Run a SELECT that may take long. On SQLite it never sees rows that are not committed."""
        return await self.rows(sql, *args)

    async def ping(self) -> None:
        """Raise `Unavailable` unless the database answers."""
        await self.rows("SELECT 1")

    @abstractmethod
    async def _begin(self) -> Transaction:
        """Open a transaction. Leaves nothing behind when cancelled."""

    @abstractmethod
    def migrating(self) -> AbstractAsyncContextManager[None]:
        """Held by the one process that migrates; others wait. It ends with the process."""

    async def check_foreign_keys(self) -> None:
        """Raise `ForeignKeyViolation` if a step left dangling references."""
        return  # a database that enforces them all the time has nothing to look for

    def use(self) -> ContextValue["Database"]:
        """Make it the current database of this context."""
        return ContextValue(current_database_var, self)

    def current_transaction(self) -> Transaction | None:
        """The transaction that statements of the running task belong to."""
        found = current_transaction_var.get()
        if found is None:
            return None
        while found is not None and found.database is not self:
            found = found.outer
        return found if found is not None and found.task is asyncio.current_task() else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Keep all statements of the block or none; a block inside a block is undone on its own.

        Only statements awaited by the task that opened it take part. `gather`, `create_task` and
        (before Python 3.12) `wait_for` start other tasks: theirs run outside. On SQLite a writer
        outside waits for this block to end, so never wait for such a task, a model or the network
        in here.
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
            await run_to_completion(commit)
        except Unavailable as error:
            self.note_failure(error)
            raise
        finally:  # also for a caller that was cancelled while its commit went through
            if not commit.cancelled() and commit.exception() is None:
                transaction.run_after_commit()
