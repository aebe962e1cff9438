"""Durable background work of one application: creating tasks, and what their owners may see and do."""

import asyncio
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from portico.db import (
    UniqueViolation,
    after_commit,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    with_clock,
)
from portico.errors import InvalidRequest, NotFound, RateLimited
from portico.events import AdministratorAlert, EventBus
from portico.identity import Actor
from portico.instances import InstanceChannel, Role
from portico.settings.tasks import TaskSettings
from portico.sockets import Sockets
from portico.tasks import store
from portico.tasks.cancellation import TOPIC, CancelTask, TaskCancellation, TaskEnded, TasksWait
from portico.tasks.counters import TaskCounters
from portico.tasks.delivery import TaskDelivery
from portico.tasks.executor import IsolateFn
from portico.tasks.runner import TaskRunner
from portico.tasks.task_info import TaskInfo, TaskStatus, read_task
from portico.tasks.task_run import TaskRun
from portico.tasks.task_type import TaskType

#: Limit of the arguments of one task, as JSON.
MAX_ARGUMENTS_BYTES: Final = 64 * 1024
MAX_LISTED: Final = 500
#: Seconds after which an account with too many tasks may try again.
_RETRY_AFTER: Final = 10
#: Seconds between two messages that tell other instances of tasks.
_NOTIFY_SECONDS: Final = 0.1
_SOCKET_EVENT: Final = "task"
_TOO_MANY: Final = (
    "You have too many tasks that wait or run. Try again when some of them have ended."
)

_FIND: Final = "SELECT * FROM portico_task WHERE id = $1"
_RETRY: Final = (
    "UPDATE portico_task SET status = 'pending', tries = 0, queued_at = {clock}, run_at = {clock}, started_at = NULL, "
    "finished_at = NULL, cancel_requested = FALSE, error = NULL, instance_id = NULL, progress_done = 0, "
    "progress_total = 0, progress_text = '' WHERE id = $1 AND status IN ('failed', 'cancelled') "
    "AND (user_id IS NULL OR (SELECT COUNT(*) FROM portico_task other WHERE other.user_id = portico_task.user_id "
    "AND other.status IN ('pending', 'running')) < $2) RETURNING claims"
)
# Each part reads one index.
_COUNTS: Final = (
    "SELECT name, status, COUNT(*) AS tasks FROM portico_task WHERE status = 'pending' GROUP BY name, status "
    "UNION ALL SELECT name, status, COUNT(*) FROM portico_task WHERE status = 'running' GROUP BY name, status "
    "UNION ALL SELECT name, status, COUNT(*) FROM portico_task WHERE finished_at > {clock} - 3600 AND status = 'failed' "
    "GROUP BY name, status"
)
_MESSAGES: Final = msgspec.msgpack.Decoder(CancelTask | TaskEnded | TasksWait)
log = structlog.get_logger("portico.tasks")


class Tasks:
    """Creates tasks, shows them to their owners, and runs them in this process.

    `delivery`: tells runners of tasks that were created; replaced where something quicker than the sweep is available.
    """

    def __init__(
        self,
        settings: TaskSettings,
        channel: InstanceChannel,
        sockets: Sockets,
        isolate: IsolateFn,
        *,
        role: Role = "server",
        concurrency: int | None = None,
        events: EventBus | None = None,
    ) -> None:
        """`concurrency`: how many tasks run here at once; None = as the settings say. `events`: where failures are told."""
        self._events = events
        self._settings, self._channel, self._sockets = settings, channel, sockets
        self._role = role
        self.runner = TaskRunner(settings, channel, isolate, self._announce)
        self.runner.concurrency = concurrency or settings.concurrency
        self.runner.may_claim = self._may_claim
        self.delivery: TaskDelivery = LocalDelivery(self.runner, channel)
        self._cancellation = TaskCancellation(channel, self.runner.executor)
        channel.subscribe(TOPIC, self._receive)

    # -- the process ----------------------------------------------------------------------------------------

    @property
    def types(self) -> Mapping[str, TaskType]:
        """The types of tasks that this process knows, by name."""
        return self.runner.types

    def set_types(self, types: Sequence[TaskType]) -> None:
        """Set the types of tasks. Only tasks of these are run here; others wait."""
        self.runner.types = {one.name: one for one in types}

    async def start(self) -> None:
        """Begin to run tasks. Needs the current database and a registered instance."""
        await self.runner.start()

    async def stop(self) -> None:
        """Stop; tasks that still run are pending again."""
        await self.runner.stop()

    def _may_claim(self) -> bool:
        if self._role == "worker" or self._settings.runner == "server":
            return True
        return self._settings.runner == "auto" and not self._channel.live_worker_ids

    # -- creating -------------------------------------------------------------------------------------------

    async def create(
        self,
        name: str,
        arguments: msgspec.Struct | None = None,
        *,
        user_id: str | None = None,
        item: str = "",
        key: str = "",
        delay: float = 0.0,
    ) -> str:
        """Create a task in the open transaction, or in one of its own, and return its id. It runs after the commit.

        `user_id`: the account that it works for. `item`: what it is about, such as the id of a chat, for lists. `key`: not
        empty = at most one pending task of this name and key; the id of that one is returned then. `delay`: seconds.

        Raises: RateLimited if the account has too many; LookupError for a name that is not registered; TypeError for other
        arguments than those of the type; ForeignKeyViolation if there is no such account.
        """
        encoded = self._encode(name, arguments)
        while True:
            task_id = await store.insert(
                name,
                encoded,
                user_id=user_id,
                item=item,
                key=key,
                delay=delay,
                max_per_account=self._settings.max_per_account,
            )
            if task_id is not None:
                after_commit(functools.partial(self.delivery.deliver, task_id, 0, delay))
                return task_id
            waiting = await store.waiting_with_key(name, key) if key else None
            if waiting is not None:
                return waiting
            if user_id is not None and await store.has_too_many(
                user_id, self._settings.max_per_account
            ):
                raise RateLimited(_RETRY_AFTER, _TOO_MANY)
            # The one with this key has been claimed meanwhile.

    def _encode(self, name: str, arguments: msgspec.Struct | None) -> str:
        task_type = self.types.get(name)
        if task_type is None:
            raise LookupError(f"no task type {name!r} is registered")
        given = task_type.arguments() if arguments is None else arguments
        if not isinstance(given, task_type.arguments):
            expected = task_type.arguments.__name__
            raise TypeError(f"{name} has arguments of type {expected}, not {type(given).__name__}")
        encoded = msgspec.json.encode(given)
        if len(encoded) > MAX_ARGUMENTS_BYTES:
            raise ValueError(f"arguments of a task may have {MAX_ARGUMENTS_BYTES} bytes as JSON")
        return encoded.decode()

    # -- owners and administrators --------------------------------------------------------------------------

    async def find(self, actor: Actor, task_id: str) -> TaskInfo:
        """Return a task of the actor; of anyone if the actor is an administrator. Raises: NotFound."""
        is_id = task_id.isascii() and "\x00" not in task_id  # others cannot be asked for
        row = await fetch_one(_FIND, task_id) if is_id else None
        if row is None or not (actor.is_admin or row["user_id"] == actor.id):
            raise NotFound
        return read_task(row)

    async def list(
        self,
        actor: Actor,
        *,
        status: TaskStatus | None = None,
        name: str | None = None,
        item: str | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> Sequence[TaskInfo]:
        """Return tasks of the actor, newest first; all if the actor is an administrator.

        `limit`: at most 500. `before`: the id of the last task of the previous page. Raises: NotFound for another id.
        """
        conditions: list[tuple[str, Any]] = [] if actor.is_admin else [("user_id = ", actor.id)]
        given = {"status = ": status, "name = ": name, "item = ": item}
        conditions += [(text, value) for text, value in given.items() if value is not None]
        where = [f"{text}${number}" for number, (text, _) in enumerate(conditions, start=1)]
        values = [value for _, value in conditions]
        if before is not None:
            last = await self.find(actor, before)
            at, last_id = len(values) + 1, len(values) + 2
            where.append(f"(created_at, id) < (${at}, ${last_id})")
            values += [last.created_at, last.id]
        sql = (
            f"SELECT * FROM portico_task WHERE {' AND '.join(where) or '1 = 1'} "  # noqa: S608
            f"ORDER BY created_at DESC, id DESC LIMIT {max(1, min(limit, MAX_LISTED))}"
        )
        return [read_task(row) for row in await fetch_all(sql, *values)]

    async def cancel(self, actor: Actor, task_id: str) -> bool:
        """End a task of the actor, on whichever instance it runs.

        Return whether it runs no more; False if its end was requested, but not confirmed within five seconds. Raises:
        NotFound; InvalidRequest if it has completed or failed.
        """
        found = await self.find(actor, task_id)
        if found.status in {"completed", "failed"}:
            raise InvalidRequest(f"This task has {found.status} already.")
        return found.status == "cancelled" or await self._cancellation.cancel(task_id)

    async def retry(self, actor: Actor, task_id: str) -> None:
        """Have a failed or cancelled task of the actor run again, with all its tries.

        Raises: NotFound; InvalidRequest for one in another state; RateLimited if its account has too many tasks.
        """
        found = await self.find(actor, task_id)
        limit = self._settings.max_per_account
        try:
            row = await fetch_one(with_clock(_RETRY), task_id, limit)
        except UniqueViolation as error:
            raise InvalidRequest("A newer task of this kind waits already.") from error
        if row is None and found.user_id and await store.has_too_many(found.user_id, limit):
            raise RateLimited(_RETRY_AFTER, _TOO_MANY)
        if row is None:
            raise InvalidRequest("Only a task that has failed or was cancelled can be run again.")
        after_commit(functools.partial(self.delivery.deliver, task_id, row["claims"], 0.0))

    # -- operators and tests --------------------------------------------------------------------------------

    async def run_due(self) -> int:
        """Run all tasks that are due in this process, now, and wait for their end. Return how many ran. For tests."""
        await self.runner.create_periodic()
        count = 0
        while True:
            await self.runner.claim_until_full()
            active = list(self.runner.executor.active.values())
            if not active:
                return count
            count += len(active)
            await asyncio.gather(*(one.ended.wait() for one in active))

    async def oldest_due_age(self) -> float:
        """Return for how many seconds the oldest due task of the types known here has waited; 0 if none waits."""
        found = await store.poll(list(self.types), self._channel.live_ids)
        return 0.0 if found.next_at is None else max(0.0, found.clock - found.next_at)

    @property
    def counters(self) -> Mapping[str, TaskCounters]:
        """The tries that this process has run, by the type of their task."""
        return self.runner.executor.counters

    async def counts(self) -> dict[tuple[str, TaskStatus], int]:
        """Return how many tasks of each type are pending, run, and failed within an hour. Those without any are left out."""
        rows = await fetch_all_in_thread(with_clock(_COUNTS))
        return {(row["name"], row["status"]): row["tasks"] for row in rows}

    # -- events and messages --------------------------------------------------------------------------------

    def _announce(self, run: TaskRun, status: TaskStatus) -> None:
        """Send the state of a task to its owner's sockets."""
        if status == "cancelled":
            self._cancellation.confirm(run.id)
        if status == "failed" and self._events is not None:
            message = (
                f"A task {run.name} has failed for good. `portico task show {run.id}` tells why."
            )
            self._events.publish(AdministratorAlert("portico:task_failed", run.name, message))
        if status == "pending":
            return
        if run.user_id is not None and self._sockets.has_sockets(run.user_id):
            data = {
                "id": run.id,
                "name": run.name,
                "item": run.item,
                "status": status,
                "progress": run.progress,
            }
            self._sockets.emit_to_account(
                run.user_id, _SOCKET_EVENT, data, replaces=f"{_SOCKET_EVENT}:{run.id}"
            )

    def _receive(self, _sender: str, payload: bytes) -> None:
        message = _MESSAGES.decode(payload)
        if isinstance(message, TasksWait):
            self.runner.wake()
        else:
            self._cancellation.receive(message)


class LocalDelivery:
    """Wakes the runner of this process, or those of the other instances if it is busy. Their sweep finds what is left."""

    def __init__(self, runner: TaskRunner, channel: InstanceChannel) -> None:
        self._runner, self._channel = runner, channel
        self._notified_at = float("-inf")

    def deliver(self, task_id: str, claims: int, delay: float) -> None:
        """See `TaskDelivery`."""
        if delay > 0:
            return  # the sweep knows when it is due
        if self._runner.is_running and self._runner.free_slots:
            self._runner.wake()
            return
        at = asyncio.get_running_loop().time()
        if at - self._notified_at >= _NOTIFY_SECONDS:
            self._notified_at = at
            self._channel.publish(TOPIC, msgspec.msgpack.encode(TasksWait()))
