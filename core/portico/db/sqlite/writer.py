"""The connection that writes to an SQLite file, and the queue of transactions on it (write slots).

A commit costs a flush to disk, a statement nearly nothing. So slots that are waiting when one ends continue in the same
outer transaction, each in a savepoint, and one COMMIT makes them durable together. Statements run on the event loop; only
a COMMIT, a statement that writes megabytes, and a BEGIN that has to wait for another process run in the writer thread.
"""

import asyncio
import random
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import Enum
from typing import Any, Protocol, TypeVar

from portico.db.errors import Cause, cause_of, unavailable
from portico.db.shielded import run_to_completion
from portico.db.sqlite.statements import raise_translated
from portico.db.timings import DatabaseTimings
from portico.errors import Unavailable

MAX_BATCH_SLOTS = 256
#: After this time a batch is committed although slots are waiting.
MAX_BATCH_SECONDS = 0.01
Work = Callable[[sqlite3.Connection], Any]
T = TypeVar("T")


class Phase(Enum):
    """The state of the outer transaction."""

    IDLE = "no transaction is open"
    BEGINNING = "waiting for another process"
    OPEN = "transactions are running"
    COMMITTING = "committing"
    CLOSED = "closed"


class Checks(Protocol):
    """Checks of the schema and the file for each batch."""

    def before_batch(self, connection: Any) -> None:
        """Called in the open transaction. Raises: Unavailable."""
        ...

    def check_file(self) -> None:
        """Called just before and just after the commit. Raises: Unavailable."""
        ...

    def locked_cause(self) -> Cause:
        """Return the cause if another process writes for too long."""
        ...


class WriteSlot:
    """An entry of the queue.

    With `work`, the future resolves to its result once it is durable; without, when the slot starts.
    """

    __slots__ = ("deadline", "future", "work")

    def __init__(self, future: asyncio.Future[Any], work: Work | None, deadline: float) -> None:
        self.future = future
        self.work = work
        self.deadline = deadline


class Writer:
    """Runs write slots in the order of the queue. A slot that waits longer than `timeout` seconds fails."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        timeout: float,
        checks: Checks,
        timings: DatabaseTimings,
    ) -> None:
        self.connection, self._timings = connection, timings
        self._checks = checks
        self.commits = 0
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="portico-db-writer")
        self._queue: deque[WriteSlot] = deque()
        self._batch: list[tuple[asyncio.Future[Any], Any]] = []
        self._phase = Phase.IDLE
        self._active: WriteSlot | None = None
        self._opened_at = self._committing_at = 0.0
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many slots wait."""
        return len(self._queue)

    @property
    def in_transaction(self) -> bool:
        """False inside a slot means that SQLite has rolled back everything the slot has written."""
        return self._phase is not Phase.CLOSED and self.connection.in_transaction

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queue one statement as a slot of its own. If it is cancelled before it starts, it never runs."""
        return self._enqueue(work).future

    async def acquire(self) -> None:
        """Wait for a slot; it lasts until `release`."""
        slot = self._enqueue(None)
        try:
            await slot.future
        except BaseException:
            if self._active is slot:  # it started just when the caller was cancelled
                self.release(keep=False)
            raise

    async def run_in_thread(self, work: Callable[..., T], *args: Any) -> T:
        """Run a long statement of the acquired slot in the writer thread, to its end although the caller is cancelled."""
        running = self._loop.run_in_executor(self._thread, work, self.connection, *args)
        return await run_to_completion(running)

    def release(self, *, keep: bool) -> asyncio.Future[None]:
        """End the acquired slot. The future resolves when it is committed or rolled back."""
        ended: asyncio.Future[None] = self._loop.create_future()
        if self._phase is Phase.CLOSED:
            self._resolve(ended, Unavailable() if keep else None)
            return ended
        try:
            if not keep:
                self.connection.execute("ROLLBACK TO slot")
            self.connection.execute("RELEASE slot")
        except self.connection.Error as error:
            # On a full disk and similar errors SQLite has rolled back the outer transaction.
            self._fail_batch(error)
            lost = Unavailable()
            lost.__cause__ = error
            self._resolve(ended, lost if keep else None)
        else:
            if keep:
                self._batch.append((ended, None))
            else:
                ended.set_result(None)
        self._active = None
        self._run_queue()
        return ended

    async def flush(self) -> None:
        """Wait until the queue is empty and everything is durable."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Refuse new slots, commit queued ones, close. A slot that does not end in time is rolled back."""
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                await self.flush()
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
        self._thread.shutdown()
        self._phase = Phase.CLOSED
        self.connection.close()
        for future in (*(slot.future for slot in self._queue), *(done for done, _ in self._batch)):
            self._resolve(future, Unavailable())

    def _enqueue(self, work: Work | None) -> WriteSlot:
        if self._closing:
            raise Unavailable
        slot = WriteSlot(self._loop.create_future(), work, time.monotonic() + self._timeout)
        self._queue.append(slot)
        self._idle.clear()
        self._run_queue()
        if self._queue and self._expiry_timer is None:
            self._expiry_timer = self._loop.call_later(self._timeout, self._drop_expired)
        return slot

    def _drop_expired(self) -> None:
        """Fail the slots that have waited too long. All have the same timeout, so they are at the front."""
        self._expiry_timer = None
        while self._queue and self._queue[0].deadline <= time.monotonic():
            self._resolve(self._queue.popleft().future, self._timeout_error())
        if self._queue:
            left = self._queue[0].deadline - time.monotonic()
            self._expiry_timer = self._loop.call_later(left, self._drop_expired)
        self._run_queue()

    def _timeout_error(self) -> Unavailable:
        """Return why no slot started: another process writes, or a transaction of this one takes too long."""
        if self._phase is Phase.BEGINNING:
            return unavailable(self._checks.locked_cause())
        return unavailable(
            Cause(
                "busy",
                f"earlier writes took longer than {self._timeout:g} s",
                self._phase.value,
            )
        )

    def _run_queue(self) -> None:
        """Start slots until one needs its owner, the thread is busy or the queue is empty."""
        while self._active is None:
            if self._phase is Phase.OPEN:
                if not self._queue or self._full():
                    self._end_batch()
                else:
                    self._start_slot(self._queue.popleft())
            elif self._phase is Phase.IDLE and self._queue:
                self._begin()
            else:
                if self._phase is Phase.IDLE:
                    self._idle.set()
                return

    def _full(self) -> bool:
        return len(self._batch) >= MAX_BATCH_SLOTS or (
            bool(self._batch) and time.monotonic() - self._opened_at > MAX_BATCH_SECONDS
        )

    def _start_slot(self, slot: WriteSlot) -> None:
        if slot.future.done():  # cancelled or timed out
            return
        self._timings.waits.observe(time.monotonic() - slot.deadline + self._timeout)
        try:
            if slot.work is None:
                self.connection.execute("SAVEPOINT slot")
                self._active = slot
                slot.future.set_result(None)
            else:  # no savepoint: SQLite rolls back a single failing statement by itself
                self._batch.append((slot.future, slot.work(self.connection)))
        except Exception as error:  # noqa: BLE001 - the caller of the statement gets it
            slot.future.set_exception(error)
            if not self.connection.in_transaction:
                self._fail_batch(error)

    def _begin(self) -> None:
        self._opened_at = time.monotonic()
        try:
            self.connection.execute("BEGIN IMMEDIATE")  # the busy timeout is 0: this never waits
            self._open()
        except self.connection.Error:
            self._phase = Phase.BEGINNING
            deadline = self._queue[0].deadline
            waiting = self._loop.run_in_executor(self._thread, self._begin_with_retries, deadline)
            waiting.add_done_callback(self._on_begin)

    def _open(self) -> None:
        """Run the checks in the open transaction, then start slots in it, or fail the next one."""
        try:
            self._checks.before_batch(self.connection)
        except Exception as error:  # noqa: BLE001 - the waiting caller gets it
            self._roll_back()
            if self._queue:
                self._resolve(self._queue.popleft().future, _translated(error))
        else:
            self._phase = Phase.OPEN

    def _begin_with_retries(self, deadline: float) -> None:
        """Repeat BEGIN until it succeeds.

        SQLite's own busy handler waits up to 100 ms between attempts and would starve beside a busy process.
        """
        while True:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                return
            except self.connection.OperationalError as error:
                if not _busy(error) or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.001, 0.004))  # noqa: S311 - no secret

    def _on_begin(self, waiting: asyncio.Future[None]) -> None:
        error = waiting.exception()
        if self._phase is Phase.CLOSED:
            return
        self._phase = Phase.IDLE
        self._opened_at = time.monotonic()
        if error is None:
            self._open()
        if error is not None and self._queue and not _busy(error):  # the expiry timer handles busy
            self._resolve(self._queue.popleft().future, _translated(error))
        self._run_queue()

    def _end_batch(self) -> None:
        if not self._batch:  # every slot was rolled back: there is nothing to commit
            self._roll_back()
            return
        if (error := self._file_error()) is not None:
            self._fail_batch(error)
            return
        self._phase, self._committing_at = Phase.COMMITTING, time.monotonic()
        committing = self._loop.run_in_executor(self._thread, self.connection.execute, "COMMIT")
        committing.add_done_callback(self._on_commit)

    def _file_error(self) -> Unavailable | None:
        """Return why the file must not be used.

        It is checked on the event loop, which takes some microseconds. In the thread each system call would release the
        interpreter's lock, and wait up to five milliseconds for a busy loop to return it.
        """
        try:
            self._checks.check_file()
        except Unavailable as error:
            return error
        return None

    def _on_commit(self, committing: asyncio.Future[Any]) -> None:
        if self._phase is Phase.CLOSED:
            return
        error = committing.exception() or self._file_error()
        if error is not None:
            self._fail_batch(error)
        else:
            self.commits += 1
            self._timings.commits.observe(time.monotonic() - self._committing_at)
            self._timings.batches.observe(len(self._batch))
            for future, result in self._batch:
                if not future.done():
                    future.set_result(result)
            self._batch.clear()
            self._phase = Phase.IDLE
        self._run_queue()

    def _fail_batch(self, error: BaseException) -> None:
        """Fail every slot of the batch, since the outer transaction is rolled back."""
        self._roll_back()
        for future, _ in self._batch:
            lost = Unavailable()
            lost.__cause__ = error
            lost.cause = cause_of(error)
            self._resolve(future, lost)
        self._batch.clear()

    def _roll_back(self) -> None:
        with suppress(
            self.connection.Error
        ):  # it ends the transaction even if it reports a disk error
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        self._phase = Phase.IDLE

    @staticmethod
    def _resolve(future: asyncio.Future[Any], error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _busy(error: BaseException) -> bool:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF == sqlite3.SQLITE_BUSY


def _translated(error: BaseException) -> BaseException:
    try:
        if isinstance(error, Exception):
            raise_translated(error)
    except Exception as translated:  # noqa: BLE001 - `raise_translated` always raises
        return translated
    return error
