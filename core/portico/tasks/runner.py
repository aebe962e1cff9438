"""The runner of one process: claims due tasks for its free slots, and sweeps for what no delivery has brought."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from portico.db.database import Row
from portico.errors import Unavailable
from portico.instances import InstanceChannel
from portico.periodic_task import PeriodicTask
from portico.settings.tasks import TaskSettings
from portico.tasks import store
from portico.tasks.claims import claim_due, claim_these
from portico.tasks.executor import ActiveRun, AnnounceFn, Interruption, IsolateFn, TaskExecutor
from portico.tasks.recovery import take_over, take_over_lost_tasks
from portico.tasks.schedule import add_to_schedule, create_due_tasks
from portico.tasks.store import Claim
from portico.tasks.task_info import TaskStatus
from portico.tasks.task_type import TaskType

#: Seconds between two sweeps.
SWEEP_SECONDS: Final = 1.0
#: Seconds after which a process that runs no task checks whether any is marked as running here.
CHECK_SECONDS: Final = 10.0
#: The database's clock was set back, if it is behind its expected time by more seconds than this.
_CLOCK_TOLERANCE: Final = 1.0
log = structlog.get_logger("portico.tasks")


class TaskRunner:
    """Runs the tasks of the types that are registered here, at most `concurrency` at a time.

    `types`: by name. `may_claim`: whether this process takes tasks now. `min_age`: seconds for which a task must have been
    due before the sweep claims it, so that a delivery comes first. `on_free_slot`: called when a task has ended.
    """

    def __init__(
        self,
        settings: TaskSettings,
        channel: InstanceChannel,
        isolate: IsolateFn,
        announce: AnnounceFn,
    ) -> None:
        self.types: Mapping[str, TaskType] = {}
        self.concurrency = settings.concurrency
        self.may_claim: Callable[[], bool] = lambda: True
        self.min_age: Callable[[], float] = lambda: 0.0
        self.on_free_slot: Callable[[], None] = lambda: None
        self.executor = TaskExecutor(isolate, announce, self._on_end)
        self._settings, self._channel, self._announce = settings, channel, announce
        self._task = PeriodicTask("tasks", self._interval, self._work)
        self._claiming = asyncio.Lock()
        self._is_running = self._is_stopping = False
        self._is_told = self._may_be_more = False
        self._wait = 0.0
        self._polled_at = self._clock = self._checked_at = float("-inf")

    @property
    def instance_id(self) -> str:
        """The id of the instance that this process is."""
        return self._channel.instance_id

    @property
    def is_running(self) -> bool:
        """Whether this process takes tasks now."""
        return self._is_running and not self._is_stopping and self.may_claim()

    @property
    def free_slots(self) -> int:
        """How many tasks may be started now."""
        return max(self.concurrency - len(self.executor.active), 0)

    async def start(self) -> None:
        """Begin to run tasks. Needs the current database and a registered instance."""
        await add_to_schedule(self.types.values())
        self._is_running = True
        self._task.start()
        self._task.wake()

    def stop_claiming(self) -> None:
        """Start no further tasks. Those that run go on."""
        self._is_stopping = True

    async def finish(self, seconds: float) -> bool:
        """Start no further tasks, and wait for the end of those that run. Return whether all have ended in time."""
        self.stop_claiming()
        try:
            async with asyncio.timeout(seconds):
                for active in list(self.executor.active.values()):
                    await active.ended.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Stop; tasks that still run are pending again, for other processes or the next start."""
        self._is_stopping = True
        if not await self._task.stop():
            return
        self._is_running = False
        await self.executor.stop()
        # If the database is away, others take them over when this instance is not alive any more.
        with suppress(Unavailable):
            await self._check_own_tasks()

    def wake(self) -> None:
        """Have due tasks claimed soon. Does nothing if this process takes none."""
        self._is_told = True
        if self.is_running:
            self._task.wake()

    async def claim(self, ids: Iterable[str] | None = None) -> list[ActiveRun]:
        """Claim due tasks for the free slots, or these if they are due, and start them."""
        types, most = self.types, self._settings.max_running_per_account
        own = self._channel.instance_id
        # So that slots are taken once, and `_check_own_tasks` knows what is claimed.
        async with self._claiming:
            limit = self.free_slots
            if self._is_stopping or not limit:
                return []
            if ids is None:
                rows = await claim_due(own, list(types), most, limit, self.min_age())
            else:
                rows = await claim_these(own, list(types), most, list(ids)[:limit])
            return [
                self.executor.start(row, Claim(row["id"], own, row["claims"]), types)
                for row in rows
            ]

    async def claim_until_full(self) -> list[ActiveRun]:
        """Claim due tasks until all slots are taken or no task is left."""
        started: list[ActiveRun] = []
        while some := await self.claim():
            started += some
            if not self._is_any_account_full(some):
                break  # there were fewer than slots, or there are none
        return started

    async def create_periodic(self) -> None:
        """Create the periodic tasks that are due."""
        await create_due_tasks(self.types.values())

    def _is_any_account_full(self, runs: list[ActiveRun]) -> bool:
        """Return whether so many of these belong to one account that further ones of it may wait before others."""
        counts = Counter(active.run.user_id for active in runs if active.run.user_id is not None)
        return any(n >= self._settings.max_running_per_account for n in counts.values())

    # -- the sweep ------------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Look for everything there is to do here, and do it."""
        self._wait = SWEEP_SECONDS
        await self._claim_if(await self._poll())

    async def _work(self) -> None:
        """Claim the tasks that this process was told of; about once a second, and if it was told of none, sweep."""
        is_told, self._is_told = self._is_told, False
        if self._is_stopping:
            return
        if is_told and time.monotonic() - self._polled_at < SWEEP_SECONDS:
            await self._claim_if(is_due=True)
        else:
            await self.sweep()

    async def _claim_if(self, is_due: bool) -> None:
        if is_due and self.may_claim():
            await self.claim_until_full()
        runs = list(self.executor.active.values())
        self._may_be_more = is_due and (not self.free_slots or self._is_any_account_full(runs))

    def _on_end(self, status: TaskStatus | None) -> None:
        self.on_free_slot()
        if not self.is_running:
            return
        self._is_told = self._is_told or self._may_be_more
        if self._may_be_more or status == "pending":  # the sweep finds out when it is due
            self._task.wake()

    def _interval(self) -> float:
        return self._wait

    async def _poll(self) -> bool:
        """Do what is to be done besides claiming. Return whether a task is due."""
        names = list(self.types)
        if self.executor.active or time.monotonic() - self._checked_at > CHECK_SECONDS:
            await self._check_own_tasks()
        if not self.may_claim() or not names:
            self._polled_at = time.monotonic()
            return False
        found = await store.poll(names, self._channel.live_ids)
        if await self._follow_clock(found.clock):
            found = await store.poll(names, self._channel.live_ids)
        if found.has_lost:
            await take_over_lost_tasks(self._channel, self.types, self._announce)
            found = await store.poll(names, self._channel.live_ids)
        if found.schedule_at is not None and found.schedule_at <= found.clock:
            await self.create_periodic()
            return True
        if found.next_at is None:
            return False
        waits = found.next_at - found.clock + self.min_age()
        if waits > 0:
            self._wait = min(waits + 0.002, SWEEP_SECONDS)
        return waits <= 0

    async def _follow_clock(self, clock: float) -> bool:
        """Correct stored times if the clock of the database was set back, also once at the start. Return whether."""
        at = time.monotonic()
        expected = self._clock + (at - self._polled_at) if self._clock > 0 else float("inf")
        self._clock, self._polled_at = clock, at
        if clock >= expected - _CLOCK_TOLERANCE:
            return False
        await store.correct_times()
        await self.create_periodic()
        return True

    async def _check_own_tasks(self) -> None:
        """Cancel what is not to run here any more, and give back what is marked as running here but does not run."""
        self._checked_at = time.monotonic()
        async with self._claiming:
            known = dict(self.executor.active)
            rows = {row["id"]: row for row in await store.running_at(self._channel.instance_id)}
        for task_id, active in known.items():
            row = rows.pop(task_id, None)
            if row is None or row["claims"] != active.run.claim.claims:
                if not active.run.is_completed:
                    active.interrupt(Interruption.LOST)
            elif row["cancel_requested"]:
                active.interrupt(Interruption.CANCELLED)
        for task_id, row in rows.items():
            if task_id not in self.executor.active:
                await self._give_back(row)

    async def _give_back(self, row: Row) -> None:
        """Give back a task that does not run here. One that was claimed when the database went away has not been tried."""
        claim = Claim(row["id"], self._channel.instance_id, row["claims"])
        if claim in self.executor.unwritten:
            self.executor.unwritten.discard(claim)
            await take_over(row, self.types)
        else:
            await store.requeue(claim, 0.0, error=None, counts=False)
