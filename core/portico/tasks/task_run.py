"""One try of a task: what the function that runs it is given."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from portico.db import after_commit, transaction
from portico.db.database import Row
from portico.tasks import store
from portico.tasks.store import Claim
from portico.tasks.task_info import TaskProgress
from portico.tasks.task_type import TaskLost

#: Minimum seconds between two events of one task.
EVENT_SECONDS: Final = 0.5
#: Minimum seconds between two writes of the progress of one task.
WRITE_SECONDS: Final = 1.0
#: Limit of a result, as JSON.
MAX_RESULT_BYTES: Final = 64 * 1024
_MAX_PROGRESS_CHARS: Final = 500
#: The largest whole number that JavaScript can tell from its neighbours.
_MAX_COUNT: Final = 2**53 - 1


class TaskRun:
    """One try of a task. `tries`: which one, from 1. `user_id`: the account that it works for, None = the server itself."""

    def __init__(self, row: Row, claim: Claim, announce: Callable[["TaskRun"], None]) -> None:
        """`announce` sends the progress to the owner; it never blocks or raises."""
        self.id: str = row["id"]
        self.name: str = row["name"]
        self.user_id: str | None = row["user_id"]
        self.item: str = row["item"]
        self.tries: int = row["tries"]
        self.claim = claim
        #: The span that created the task, of any process; empty = none.
        self.traceparent = ""
        self.progress = TaskProgress(
            row["progress_done"], row["progress_total"], row["progress_text"]
        )
        #: Whether `completing` has been committed.
        self.is_completed = self._is_completing = False
        self._announce = announce
        self._reporter: asyncio.Task[None] | None = None
        self._reported = 0

    @property
    def idempotency_key(self) -> str:
        """A key that is the same for every try: send it to services outside, so that they do the work once."""
        return f"portico-task-{self.id}"

    @contextlib.asynccontextmanager
    async def completing(self, result: Any = None) -> AsyncIterator[None]:
        """A transaction that completes the task: its writes and the completion are committed together, or not at all.

        `result`: stored as JSON. Do slow work before it. Raises: TaskLost if this try no longer owns the task, and
        nothing is written then; ValueError for a result that is too large; RuntimeError within another `completing`.
        """
        if self._is_completing:
            raise RuntimeError("this task is being completed already")
        encoded = encode_result(result)
        self._is_completing = True
        try:
            async with transaction():
                # First: it locks the row, so a try that was taken over writes nothing.
                if not await store.finish(self.claim, "completed", self.progress, result=encoded):
                    raise TaskLost
                # The task may have opened a transaction around this one, and roll it back.
                after_commit(self._set_completed)
                yield
        finally:
            self._is_completing = False

    async def report(self, done: int, total: int = 0, text: str = "") -> None:
        """Report how far the task is: to its row once a second at most, and to its owner's sockets twice a second.

        What is no whole number of at least 0 is made one.
        """
        text = storable_text(text, _MAX_PROGRESS_CHARS)
        self.progress = TaskProgress(_storable_count(done), _storable_count(total), text)
        self._reported += 1
        if self._reporter is None or self._reporter.done():
            self._reporter = asyncio.create_task(self._send_reports())
            self._reporter.add_done_callback(_retrieve)
            await asyncio.sleep(0)

    def end_reports(self) -> None:
        """Send no further reports. The end of the task writes the last one."""
        if self._reporter is not None:
            self._reporter.cancel()

    def _set_completed(self) -> None:
        self.is_completed = True

    async def _send_reports(self) -> None:
        """Send and write what is reported, until nothing new is reported for a while."""
        sent = written = 0
        loop = asyncio.get_running_loop()
        written_at = -WRITE_SECONDS
        while sent < self._reported or written < self._reported:
            if sent < self._reported:
                sent = self._reported
                self._announce(self)
            if written < self._reported and loop.time() - written_at >= WRITE_SECONDS:
                written, written_at = self._reported, loop.time()
                await store.set_progress(self.claim, self.progress)
            await asyncio.sleep(EVENT_SECONDS)


def encode_result(result: Any) -> str | None:
    """Return a result as JSON; None stays None. Raises: ValueError if it is too large or has no JSON form."""
    if result is None:
        return None
    try:
        encoded = msgspec.json.encode(result)
    except (TypeError, NotImplementedError) as error:
        raise ValueError(f"a result of type {type(result).__name__} has no JSON form") from error
    if len(encoded) > MAX_RESULT_BYTES:
        raise ValueError(
            f"a result may have {MAX_RESULT_BYTES} bytes as JSON; write more into a table"
        )
    return encoded.decode()


def _storable_count(number: float) -> int:
    return int(min(max(number, 0), _MAX_COUNT))


def storable_text(text: str, limit: int) -> str:
    """Return a text as every database can store it, with at most `limit` characters."""
    return text[:limit].replace("\x00", "").encode(errors="replace").decode()


def _retrieve(reporter: asyncio.Task[None]) -> None:
    # A report that was not written is written with the next one, or with the end of the task.
    if not reporter.cancelled():
        reporter.exception()
