"""The one connection that writes to a SQLite file, and the turns that are taken on it.

A commit costs a flush to disk, a statement next to nothing. So turns that are waiting when one
ends go on in the same outer transaction, each in a savepoint, and one COMMIT makes them durable
together. Statements run on the event loop; only a COMMIT, or a BEGIN that has to wait for another
process, goes to the writer thread.
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
from typing import Any, Protocol

from portico.db.errors import Cause, cause_of, unavailable
from portico.db.sqlite.statements import raise_translated
from portico.errors import Unavailable

MAX_BATCH_SLOTS = 256
MAX_BATCH_SECONDS = 0.01  # after that a batch is committed although others wait
Work = Callable[[sqlite3.Connection], Any]


class Phase(Enum):
    """Where the outer transaction stands."""

    IDLE = "none is open"
    BEGINNING = "the thread waits for another process to finish its own"
    OPEN = "turns are taken"
    COMMITTING = "the thread makes the batch durable"
    CLOSED = "there will be no other"


class Checks(Protocol):
    """What has to hold for a batch, and what is known of its file."""

    def before_batch(self, connection: Any) -> None:
        """Called in the open transaction. Raises: Unavailable."""
        ...

    def after_batch(self) -> None:
        """Called when it is committed and nobody was told. Raises: Unavailable."""
        ...

    def locked_cause(self) -> Cause:
        """Another process writes for too long."""
        ...


class WriteSlot:
    """A place in the queue.

    With `work` the future resolves to its result, once durable; without, when the turn comes.
    """

    __slots__ = ("deadline", "future", "work")

    def __init__(self, future: asyncio.Future[Any], work: Work | None, deadline: float) -> None:
        self.future = future
        self.work = work
        self.deadline = deadline


class Writer:
    """Hands out turns, first come first served, to whoever can wait `patience` seconds."""

    def __init__(self, connection: sqlite3.Connection, patience: float, checks: Checks) -> None:
        self.connection = connection
        self._checks = checks
        self.commits = 0
        self._timeout = patience
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="portico-db-writer")
        self._queue: deque[WriteSlot] = deque()
        self._batch: list[tuple[asyncio.Future[Any], Any]] = []
        self._phase = Phase.IDLE
        self._active: WriteSlot | None = None
        self._opened_at = 0.0
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    @property
    def in_transaction(self) -> bool:
        """False inside a turn means that everything the turn has written is gone."""
        return self._phase is not Phase.CLOSED and self.connection.in_transaction

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queue one statement as a turn of its own. Cancelled before its turn, it never runs."""
        return self._enqueue(work).future

    async def acquire(self) -> None:
        """Wait for a turn; it lasts until `release`."""
        turn = self._enqueue(None)
        try:
            await turn.future
        except BaseException:
            if self._active is turn:  # it came in the very moment the caller was cancelled
                self.release(keep=False)
            raise

    def release(self, *, keep: bool) -> asyncio.Future[None]:
        """End the turn that was acquired. The future resolves when it is durable, or undone."""
        ended: asyncio.Future[None] = self._loop.create_future()
        if self._phase is Phase.CLOSED:
            self._settle(ended, Unavailable() if keep else None)
            return ended
        try:
            if not keep:
                self.connection.execute("ROLLBACK TO turn")
            self.connection.execute("RELEASE turn")
        except self.connection.Error as error:
            # Full disk and the like: SQLite has dropped the outer transaction already.
            self._fail_batch(error)
            lost = Unavailable()
            lost.__cause__ = error
            self._settle(ended, lost if keep else None)
        else:
            if keep:
                self._batch.append((ended, None))
            else:
                ended.set_result(None)
        self._active = None
        self._run_queue()
        return ended

    async def flush(self) -> None:
        """Wait until nothing is queued and everything taken is durable."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Refuse new turns, commit those queued, close. A turn that does not end is undone."""
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                await self.flush()
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
        self._thread.shutdown()
        self._phase = Phase.CLOSED
        self.connection.close()
        for future in (*(turn.future for turn in self._queue), *(done for done, _ in self._batch)):
            self._settle(future, Unavailable())

    def _enqueue(self, work: Work | None) -> WriteSlot:
        if self._closing:
            raise Unavailable
        turn = WriteSlot(self._loop.create_future(), work, time.monotonic() + self._timeout)
        self._queue.append(turn)
        self._idle.clear()
        self._run_queue()
        if self._queue and self._expiry_timer is None:
            self._expiry_timer = self._loop.call_later(self._timeout, self._drop_expired)
        return turn

    def _drop_expired(self) -> None:
        """Send away who has waited too long; all are equally patient, so they stand in front."""
        self._expiry_timer = None
        while self._queue and self._queue[0].deadline <= time.monotonic():
            self._settle(self._queue.popleft().future, self._too_long())
        if self._queue:
            left = self._queue[0].deadline - time.monotonic()
            self._expiry_timer = self._loop.call_later(left, self._drop_expired)
        self._run_queue()

    def _too_long(self) -> Unavailable:
        """Why nobody's turn came: another process writes, or a turn of this one lasts."""
        if self._phase is Phase.BEGINNING:
            return unavailable(self._checks.locked_cause())
        return unavailable(
            Cause(
                "busy",
                f"the writes before took longer than {self._timeout:g} s",
                self._phase.value,
            )
        )

    def _run_queue(self) -> None:
        """Go on until a turn needs its owner, the thread is at work or nothing is left to do."""
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

    def _start_slot(self, turn: WriteSlot) -> None:
        if turn.future.done():  # cancelled or sent away
            return
        try:
            if turn.work is None:
                self.connection.execute("SAVEPOINT turn")
                self._active = turn
                turn.future.set_result(None)
            else:  # needs no savepoint: SQLite takes back a single failing statement by itself
                self._batch.append((turn.future, turn.work(self.connection)))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked for the statement
            turn.future.set_exception(error)
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
        """A transaction is open: let turns be taken in it, or refuse the next one if that would be wrong."""
        try:
            self._checks.before_batch(self.connection)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            self._roll_back()
            if self._queue:
                self._settle(self._queue.popleft().future, _translated(error))
        else:
            self._phase = Phase.OPEN

    def _begin_with_retries(self, deadline: float) -> None:
        """Ask again until it works.

        SQLite's own waiting backs off to 100 ms and would starve next to a busy process.
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
        if error is not None and self._queue and not _busy(error):  # busy is the alarm's business
            self._settle(self._queue.popleft().future, _translated(error))
        self._run_queue()

    def _end_batch(self) -> None:
        if not self._batch:  # every turn was undone: there is nothing to flush
            self._roll_back()
            return
        self._phase = Phase.COMMITTING
        committing = self._loop.run_in_executor(self._thread, self.connection.execute, "COMMIT")
        committing.add_done_callback(self._on_commit)

    def _on_commit(self, committing: asyncio.Future[Any]) -> None:
        error = committing.exception()
        if self._phase is Phase.CLOSED:
            return
        if error is None:
            try:
                self._checks.after_batch()
            except Unavailable as refused:
                error = refused
        if error is not None:
            self._fail_batch(error)
        else:
            self.commits += 1
            for future, result in self._batch:
                if not future.done():
                    future.set_result(result)
            self._batch.clear()
            self._phase = Phase.IDLE
        self._run_queue()

    def _fail_batch(self, error: BaseException) -> None:
        """The outer transaction is gone, and with it every turn of the batch."""
        self._roll_back()
        for future, _ in self._batch:
            lost = Unavailable()
            lost.__cause__ = error
            lost.cause = cause_of(error)
            self._settle(future, lost)
        self._batch.clear()

    def _roll_back(self) -> None:
        with suppress(
            self.connection.Error
        ):  # it ends the transaction even when it reports a disk error
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        self._phase = Phase.IDLE

    @staticmethod
    def _settle(future: asyncio.Future[Any], error: BaseException | None) -> None:
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
    except Exception as translated:  # noqa: BLE001 - raising is how it answers
        return translated
    return error
