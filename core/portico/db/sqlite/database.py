"""SQLite, plain or encrypted. Reads run on the event loop, writes one after the other."""

import asyncio
import os
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

from portico.db.database import Database, Row, Transaction
from portico.db.errors import BadDatabase, Cause, ForeignKeyViolation
from portico.db.schema_guard import check_on_sqlite
from portico.db.shielded import run_to_completion
from portico.db.sqlite.causes import explain, has_free_space, locked_cause
from portico.db.sqlite.file import SQLiteFile
from portico.db.sqlite.file_copy import copy_file, named_copy
from portico.db.sqlite.file_identity import FileIdentity
from portico.db.sqlite.file_lock import DatabaseFileLock, open_lock
from portico.db.sqlite.statements import change, fetch, is_large, prepare, split
from portico.db.sqlite.writer import Writer
from portico.errors import Unavailable
from portico.settings.database import DatabaseSettings
from portico.settings.section import Secret

#: Threads for long reads.
MAX_SCAN_THREADS = 2


class SQLiteTransaction(Transaction):
    """A transaction in a slot of the writer."""

    def __init__(self, database: "SQLite", writer: Writer) -> None:
        super().__init__(database)
        self.writer = writer

    def check(self) -> None:
        """Raises: TransactionFailed; Unavailable if SQLite has rolled back by itself, as on a full disk."""
        if not self.writer.in_transaction:
            raise Unavailable from self.failure
        super().check()

    async def command(self, sql: str) -> None:
        """Run on the event loop: a transaction never waits for a lock."""
        with self.guard_statement():
            change(self.writer.connection, sql, ())

    async def rollback_to(self, savepoint: str) -> None:
        """Roll back, unless SQLite has rolled back the whole transaction."""
        if self.writer.in_transaction:
            change(self.writer.connection, f"ROLLBACK TO {savepoint}", ())
            change(self.writer.connection, f"RELEASE {savepoint}", ())

    async def commit(self) -> None:
        """Commit. Returns when the COMMIT of the batch has reached the disk."""
        await self.writer.release(keep=True)

    async def rollback(self) -> None:
        """Roll back this transaction; the others of the batch stay."""
        await self.writer.release(keep=False)


class SQLite(Database):
    """An SQLite file, which several processes may have open.

    Columns declared BOOLEAN are returned as `bool`. Prefer BIGINT to INTEGER, which converts slowly.
    Foreign keys must not be declared `DEFERRABLE INITIALLY DEFERRED`: a dangling one would fail the
    commit that other transactions share.
    """

    dialect = "sqlite"

    def __init__(
        self, path: Path, settings: DatabaseSettings, password: Secret | None = None
    ) -> None:
        super().__init__()
        self._file = SQLiteFile(path, settings, password)
        self._identity = FileIdentity(path)
        self.availability.has_free_space = lambda: has_free_space(self.path)
        self._settings, self._password = settings, password
        self._file_lock: DatabaseFileLock | None = None
        self._reader: sqlite3.Connection | None = None
        self._writer: Writer | None = None
        self._idle_scanners: deque[sqlite3.Connection] = deque()
        self._scanners: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Open the file; create it if it is missing, readable by its owner only. It cannot be replaced meanwhile."""
        file = self._file
        try:
            writing = await asyncio.to_thread(self._open)
            self._reader = file.connect()
        except Exception as error:
            self._release()
            if isinstance(error, Unavailable):
                self.note_failure(error)
            if isinstance(error, file.errors):
                cause = self.explain(error) or error
                raise BadDatabase(f"{self.path} cannot be used: {cause}") from error
            raise
        self._identity = FileIdentity(self.path)
        self._identity.check()
        self._writer = Writer(writing, self._settings.sqlite_busy_timeout, self, self.timings)
        self._scanners = ThreadPoolExecutor(MAX_SCAN_THREADS, thread_name_prefix="portico-db-scan")

    async def stop(self) -> None:
        """Commit the queued transactions, then close all connections."""
        if self._writer is None or self._reader is None or self._scanners is None:
            return
        await run_to_completion(self._writer.stop())
        self._scanners.shutdown()
        for connection in (self._reader, *self._idle_scanners):
            connection.close()
        self._idle_scanners.clear()
        self._writer = self._reader = self._scanners = None
        self._release()

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self._file.path

    @property
    def writer(self) -> Writer:
        """The writer. Raises: Unavailable if it is not started."""
        if self._writer is None:
            raise Unavailable
        return self._writer

    @property
    def waiting(self) -> int:
        """See the base class."""
        return 0 if self._writer is None else self._writer.waiting

    def explain(self, error: BaseException) -> Cause | None:
        """See `causes.explain`."""
        return explain(error, self.path, self._settings.sqlite_busy_timeout)

    async def rows(self, sql: str, *args: Any) -> list[Row]:
        """Run a query. Reads run on the event loop, since a thread would cost more than a look-up."""
        text, reads = prepare(sql)
        try:
            if (transaction := self.current_transaction()) is not None:
                with transaction.guard_statement():
                    return fetch(self.writer.connection, text, args)
            if self._reader is None:
                raise Unavailable
            if reads:
                if self.guard is not None:
                    self.guard.require()
                began = time.perf_counter()
                rows = fetch(self._reader, text, args)
                self.timings.statements.observe(time.perf_counter() - began)
                return rows
            found: list[Row] = await self.writer.submit(lambda writing: fetch(writing, text, args))
        except Unavailable as error:
            self.note_failure(error)
            raise
        return found

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a change. Outside a transaction it returns after the commit.

        Megabytes are written by a thread, in a transaction: it does not hold the interpreter's lock meanwhile.
        """
        text, _ = prepare(sql)
        try:
            if (transaction := self.current_transaction()) is not None:
                with transaction.guard_statement():
                    if is_large(args):
                        return await self.writer.run_in_thread(change, text, args)
                    return change(self.writer.connection, text, args)
            touched: int = await self.writer.submit(lambda writing: change(writing, text, args))
        except Unavailable as error:
            self.note_failure(error)
            raise
        return touched

    def before_batch(self, connection: Any) -> None:
        """Check the schema before a batch of writes. Called in its open transaction.

        Raises: Unavailable if a newer release has changed it.
        """
        if self.guard is not None:
            check_on_sqlite(self.guard, connection)

    def check_file(self) -> None:
        """Check that the file was not replaced. Called around each commit. Raises: Unavailable."""
        self._identity.check()

    def locked_cause(self) -> Cause:
        """Return the cause if another process writes for too long. Found out once, not for each waiting write."""
        known = self.availability.cause
        if known is not None and known.kind == "locked":
            return known
        return locked_cause(self.path, self._settings.sqlite_busy_timeout)

    async def script(self, sql: str) -> None:
        """Run a script statement by statement, since `executescript` would commit first."""
        async with self.transaction():
            for statement in split(sql):
                await self.execute(statement)

    async def scan(self, sql: str, *args: Any) -> list[Row]:
        """Run a query in a thread, on a connection of its own."""
        if self._scanners is None:
            raise Unavailable
        if self.guard is not None:
            self.guard.require()
        text, _ = prepare(sql)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._scanners, self._scan, text, args)
        except Unavailable as error:
            self.note_failure(error)
            raise

    async def open_copy(self) -> BinaryIO:
        """See `copy_file`."""
        if self._writer is None:
            raise Unavailable
        return await copy_file(self._file)

    @asynccontextmanager
    async def named_copy(self) -> AsyncIterator[SQLiteFile]:
        """Yield a consistent copy, with the password of this file. It is deleted at the end of the block."""
        if self._writer is None:
            raise Unavailable
        async with named_copy(self._file) as path:
            yield self.file_at(path)

    def file_at(self, path: Path) -> SQLiteFile:
        """Return another file with the settings and the password of this one. Raises: BadDatabase."""
        file = SQLiteFile(path, self._settings, self._password)
        file.check_location()
        file.create_or_check()
        return file

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[None]:
        """Hold a file lock, and do not enforce foreign keys, so that a migration may rebuild a table.

        With foreign keys enforced, `DROP TABLE` deletes the rows first, and all rows that cascade from them.
        """
        import fcntl  # noqa: PLC0415 - Windows has none

        lock = open_lock(Path(f"{self.path}.migrate.lock"), self.path)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(
                        0.05
                    )  # polled, since a thread that waits cannot be cancelled
            await self._enforce_references(False)
            try:
                yield
            finally:
                await run_to_completion(self._enforce_references(True))
        finally:
            os.close(lock)

    async def check_foreign_keys(self) -> None:
        """Check every row that refers to another."""
        for dangling in await self.rows("SELECT * FROM pragma_foreign_key_check LIMIT 1"):
            raise ForeignKeyViolation(f"{dangling['table']} -> {dangling['parent']}")

    async def _enforce_references(self, enforce: bool) -> None:
        await self.writer.flush()  # the pragma is ignored while a transaction is open
        self.writer.connection.execute(f"PRAGMA foreign_keys={int(enforce)}")

    async def _begin(self) -> Transaction:
        writer = self.writer
        await writer.acquire()
        return SQLiteTransaction(self, writer)

    def _scan(self, text: str, args: tuple[Any, ...]) -> list[Row]:
        try:
            connection = self._idle_scanners.pop()
        except IndexError:
            connection = self._file.connect()
        try:
            return fetch(connection, text, args)
        finally:
            self._idle_scanners.append(connection)

    def _open(self) -> Any:
        self._file.check_location()
        self._file_lock = DatabaseFileLock(self.path)
        self._file.create_or_check()
        return self._file.connect(writes=True)

    def _release(self) -> None:
        if self._file_lock is not None:
            self._file_lock.release()
            self._file_lock = None
