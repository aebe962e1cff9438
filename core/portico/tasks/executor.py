"""Runs the tasks that this process has claimed, each with its time limit, and writes how they ended."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgspec
import structlog

from portico.db.database import Row
from portico.errors import DomainError, Unavailable, error_location
from portico.tasks import store
from portico.tasks.counters import TaskCounters
from portico.tasks.store import Claim
from portico.tasks.task_info import TaskStatus
from portico.tasks.task_run import TaskRun, encode_result, storable_text
from portico.tasks.task_type import TaskFailed, TaskType
from portico.tracing import Attributes, Tracing

#: Seconds in which a task must end after it was cancelled. One that does not is abandoned.
GRACE_SECONDS: Final = 5.0
#: Seconds between two attempts to write how a task ended, while the database is unavailable.
WRITE_AGAIN_SECONDS: Final = 1.0
MAX_BACKOFF_SECONDS: Final = 600.0
#: Seconds before a task that found the database, or Redis, unavailable is started again: the first time, and at most.
UNAVAILABLE_SECONDS: Final = 2.0
MAX_UNAVAILABLE_SECONDS: Final = 60.0
#: How often that may happen without being counted as a try: for some hours.
MAX_UNCOUNTED: Final = 200
CRASHED: Final = "Its process ended unexpectedly."
MAX_ERROR_CHARS: Final = 500

#: Calls `run` for a plugin. Raises: what it raises if that is a DomainError, else an error whose `__cause__` it is.
IsolateFn = Callable[[str, str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
#: Sends the state of a task to its owner. Never blocks or raises.
AnnounceFn = Callable[[TaskRun, TaskStatus], None]
log = structlog.get_logger("portico.tasks")


class Interruption(Enum):
    """Why a try is cancelled."""

    CANCELLED = "its end was requested"
    LOST = "it is not owned any more"
    SHUTDOWN = "the process stops"
    TIME_LIMIT = "its time limit has passed"


class ActiveRun:
    """A try that this process runs. `ended`: set when its end is written, or it no longer owns its task."""

    def __init__(self, task_type: TaskType, run: TaskRun) -> None:
        self.task_type, self.run = task_type, run
        self.started = time.monotonic()
        self.interruption: Interruption | None = None
        self.interrupted = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()

    def interrupt(self, why: Interruption) -> None:
        """Have the try cancelled. The first reason counts."""
        if self.interruption is None:
            self.interruption = why
            self.interrupted.set_result(None)


class TaskExecutor:
    """Runs claimed tasks, each in an asyncio task of its own.

    `isolate` and `announce` are called for each. `on_end`: called after each, when its slot is free, with the status
    of its task; None = not known.
    """

    def __init__(
        self, isolate: IsolateFn, announce: AnnounceFn, on_end: Callable[[TaskStatus | None], None]
    ) -> None:
        self._isolate, self._announce, self._on_end = isolate, announce, on_end
        #: The tries that run here, by the id of their task.
        self.active: dict[str, ActiveRun] = {}
        #: The tries that ran here, by the type of their task.
        self.counters: dict[str, TaskCounters] = {}
        #: Tries whose end could not be written.
        self.unwritten: set[Claim] = set()
        #: Set by an application that records traces.
        self.tracing = Tracing()
        self._supervisors: set[asyncio.Task[None]] = set()
        self._abandoned: set[asyncio.Task[Any]] = set()

    def start(self, row: Row, claim: Claim, types: Mapping[str, TaskType]) -> ActiveRun:
        """Start a claimed task. Needs the current database."""
        task_type = types[row["name"]]
        run = TaskRun(row, claim, lambda run: self._announce(run, "running"))
        run.traceparent = row["traceparent"] or ""
        active = self.active[run.id] = ActiveRun(task_type, run)
        counters = self.counters.setdefault(run.name, TaskCounters(task_type.plugin))
        counters.waits.observe(max(0.0, row["started_at"] - row["run_at"]))
        supervisor = asyncio.create_task(self._supervise(active, row["arguments"]), name=run.name)
        self._supervisors.add(supervisor)
        supervisor.add_done_callback(self._supervisors.discard)
        return active

    def interrupt(self, task_id: str, why: Interruption) -> ActiveRun | None:
        """Have a task cancelled, if it runs here. Returns at once."""
        active = self.active.get(task_id)
        if active is not None:
            active.interrupt(why)
        return active

    async def stop(self) -> None:
        """Cancel what runs and make it pending again. That does not count as a try."""
        for active in list(self.active.values()):
            active.interrupt(Interruption.SHUTDOWN)
        if self._supervisors:
            await asyncio.wait(self._supervisors, timeout=GRACE_SECONDS + WRITE_AGAIN_SECONDS)
        for left in (*self._supervisors, *self._abandoned):
            left.cancel()

    async def _supervise(self, active: ActiveRun, arguments: str) -> None:
        run = active.run
        status: TaskStatus | None = None
        body = asyncio.create_task(self._call(active, arguments), name=run.name)
        try:
            await self._wait_for_end(active, body)
            run.end_reports()
            if not body.done():
                self._abandon(active, body)
            status = await self._record_end(active, body)
            if status is not None:
                self._announce(run, status)
        finally:
            body.cancel()
            self.active.pop(run.id, None)
            active.ended.set()
            self._count(active, status)
            self._on_end(status)

    def _count(self, active: ActiveRun, status: TaskStatus | None) -> None:
        counters = self.counters[active.run.name]
        counters.seconds.observe(time.monotonic() - active.started)
        if status is not None:
            counters.ended[status] += 1

    async def _call(self, active: ActiveRun, arguments: str) -> Any:
        run = active.run
        attributes: Attributes = {"portico.task.type": run.name, "portico.task.try": run.tries}
        with self.tracing.begin(f"task {run.name}", "consumer", run.traceparent, attributes):
            return await self._call_type(active, arguments)

    async def _call_type(self, active: ActiveRun, arguments: str) -> Any:
        task_type, run = active.task_type, active.run
        try:
            decoded = msgspec.json.decode(arguments, type=task_type.arguments)
        except msgspec.DecodeError as error:
            raise TaskFailed("Its arguments are not those of this release.") from error
        return await self._isolate(
            task_type.plugin, f"task {task_type.name}", lambda: task_type.run(run, decoded)
        )

    async def _wait_for_end(self, active: ActiveRun, body: asyncio.Task[Any]) -> None:
        await asyncio.wait(
            {body, active.interrupted},
            timeout=active.task_type.time_limit,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not body.done():
            active.interrupt(Interruption.TIME_LIMIT)
            body.cancel()
            await asyncio.wait({body}, timeout=GRACE_SECONDS)

    def _abandon(self, active: ActiveRun, body: asyncio.Task[Any]) -> None:
        """Go on without a try that does not end. It changes nothing any more in its own name."""
        log.error("task does not end", name=active.run.name, task=active.run.id)
        self._abandoned.add(body)
        body.add_done_callback(self._abandoned.discard)
        body.add_done_callback(_retrieve)

    async def _record_end(self, active: ActiveRun, body: asyncio.Task[Any]) -> TaskStatus | None:
        """Write how a try ended, as soon as the database is available. Return the status; None if it was not written."""
        while True:
            try:
                return await self._write_end(active, body)
            except Unavailable:
                await asyncio.sleep(WRITE_AGAIN_SECONDS)
            except Exception as error:  # noqa: BLE001 - the row stays as it is, and the sweep finds it
                self.unwritten.add(active.run.claim)
                log.error(
                    "end of task not written",
                    name=active.run.name,
                    task=active.run.id,
                    error=type(error).__name__,
                    at=error_location(error),
                )
                return None

    async def _write_end(self, active: ActiveRun, body: asyncio.Task[Any]) -> TaskStatus | None:
        """Write how a try ended. Return the task's status; None if the try no longer owns the task."""
        run = active.run
        error = _error_of(body)
        if run.is_completed:
            if error is None and (result := encode_result(body.result())) is not None:
                await store.set_result(run.claim, result)
            return "completed"
        if error is None:
            try:
                result = encode_result(body.result())
            except ValueError as unusable:
                return await self._fail(active, str(unusable), is_final=True)
            done = await store.finish(run.claim, "completed", run.progress, result=result)
            return "completed" if done else None
        match active.interruption:
            case Interruption.LOST:
                return None
            case Interruption.CANCELLED:
                done = await store.finish(run.claim, "cancelled", run.progress)
                return "cancelled" if done else None
            case Interruption.SHUTDOWN:
                return await store.requeue(run.claim, 0.0, error=None, counts=False)
            case Interruption.TIME_LIMIT:
                limit = active.task_type.time_limit
                log.warning(
                    "task exceeded its time limit", name=run.name, task=run.id, seconds=limit
                )
                return await self._fail(active, f"It took longer than {limit:g} s.")
        return await self._write_error(active, error)

    async def _write_error(self, active: ActiveRun, error: BaseException) -> TaskStatus | None:
        run = active.run
        uncounted = run.claim.claims - run.tries
        if isinstance(error, Unavailable) and uncounted < MAX_UNCOUNTED:
            # No fault of the task. The database may be away for longer than all its tries take.
            delay = min(UNAVAILABLE_SECONDS * 2.0 ** min(uncounted, 30), MAX_UNAVAILABLE_SECONDS)
            return await store.requeue(run.claim, delay, error=error.detail, counts=False)
        if isinstance(error, DomainError):
            return await self._fail(active, error.detail, is_final=isinstance(error, TaskFailed))
        if isinstance(error, asyncio.CancelledError):
            return await self._fail(active, "It cancelled itself.")
        cause = error.__cause__ or error
        return await self._fail(active, f"{type(cause).__name__} ({error_location(cause)})")

    async def _fail(
        self, active: ActiveRun, reason: str, *, is_final: bool = False
    ) -> TaskStatus | None:
        """Write a failed try: the task is tried again after a while, or has failed."""
        run, task_type = active.run, active.task_type
        reason = storable_text(reason, MAX_ERROR_CHARS)
        if not is_final and run.tries < task_type.max_tries:
            delay = backoff_seconds(task_type, run.tries)
            return await store.requeue(run.claim, delay, error=reason, counts=True)
        done = await store.finish(run.claim, "failed", run.progress, error=reason)
        if done:
            log.warning("task failed", name=run.name, task=run.id, tries=run.tries, reason=reason)
        return "failed" if done else None


def backoff_seconds(task_type: TaskType, tries: int) -> float:
    """Return the seconds before the next try, after so many: twice as many each time, with jitter."""
    longest = min(task_type.backoff * 2.0 ** min(tries - 1, 30), MAX_BACKOFF_SECONDS)
    return longest * random.uniform(0.75, 1.0)  # noqa: S311 - no secret


def _error_of(body: asyncio.Task[Any]) -> BaseException | None:
    """Return why a try did not succeed; None if it did."""
    if not body.done() or body.cancelled():
        return asyncio.CancelledError()
    return body.exception()


def _retrieve(body: asyncio.Task[Any]) -> None:
    if not body.cancelled():
        body.exception()
