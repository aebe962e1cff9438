"""Reserves and settles. One transaction at a time writes what all calls of this process have asked for meanwhile."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import structlog

from portico.api import PeriodicTask, Unavailable, error_location
from portico.api.db import now, transaction
from portico_budgets.counters import statements
from portico_budgets.counters.counter_part import Totals
from portico_budgets.counters.counter_parts import CounterParts, Counters
from portico_budgets.counters.demand import CounterKey, Demand, Refusal, Reservation

#: Counters that one transaction changes.
MAX_COUNTERS: Final = 100
#: Seconds for which the ends of calls are collected, if no other call begins.
SETTLE_SECONDS: Final = 0.1
#: Seconds for which a call waits for the database.
RESERVE_SECONDS: Final = 8.0
#: Seconds for which a call waits until other processes have given back what they do not need, before it is refused.
GIVE_BACK_SECONDS: Final = 2.0
#: Seconds between two looks whether they have.
LOOK_SECONDS: Final = 0.05
#: Seconds before the next try after a failed transaction.
RETRY_SECONDS: Final = 0.5
#: Seconds that the last writes may take when the process stops.
STOP_SECONDS: Final = 5.0

log = structlog.get_logger("portico.budgets")


class _Request:
    """A call that waits for its reservation. `deadline`: monotonic seconds until which other processes may give back."""

    __slots__ = ("deadline", "demands", "result")

    def __init__(self, demands: tuple[Demand, ...]) -> None:
        self.demands = demands
        self.deadline = time.monotonic() + GIVE_BACK_SECONDS
        self.result: asyncio.Future[Reservation | Refusal] = (
            asyncio.get_running_loop().create_future()
        )


Decisions: TypeAlias = list[tuple[_Request, Reservation | Refusal]]


class BudgetCounters:
    """Reserves amounts of budgets for calls, and settles them when the calls have ended.

    This process has a part in each counter: the total that its running calls have reserved, and the total that its calls
    have used. The database has the same totals, so a repeated write changes nothing. The reserved total expires
    `reservation_seconds` after the last write; it is written again in time while calls are running.

    While calls come often and much is left, it also reserves something for calls to come, which need not wait then, and
    gives back what they do not need. A call is refused only when no other process has anything spare.
    """

    def __init__(self, instance_id: str, reservation_seconds: int) -> None:
        self._instance_id, self._seconds = instance_id, reservation_seconds
        self._parts = CounterParts(reservation_seconds)
        self._waiting: list[_Request] = []
        self._wanted, self._asked = asyncio.Event(), asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._is_writing = False
        self._renewal = PeriodicTask("budget reservations", reservation_seconds / 3, self._renew)
        self._expiry = PeriodicTask(
            "expired budget reservations",
            min(5.0, reservation_seconds / 4),
            statements.free_expired,
        )

    def start(self) -> None:
        """Begin to write. Needs a running event loop and an open database."""
        self._writer = asyncio.create_task(self._run(), name="budgets")
        self._renewal.start()
        self._expiry.start()

    async def stop(self) -> None:
        """Write what has ended, and stop. Does nothing if it was not started."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        await self._renewal.stop()
        await self._expiry.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while self._parts.unwritten or self._waiting or self._is_writing:
                    self._wanted.set()
                    self._asked.set()
                    await asyncio.sleep(0.01)
        writer.cancel()
        await asyncio.wait({writer})

    def reserve_spare(self, demands: tuple[Demand, ...]) -> Reservation | Refusal | None:
        """Do as `reserve` without waiting; None if that is not possible."""
        return self._parts.reserve(demands)

    async def reserve(self, demands: tuple[Demand, ...]) -> Reservation | Refusal:
        """Reserve what a call wants of all its budgets, or nothing. Raises: Unavailable."""
        if (found := self._parts.reserve(demands)) is not None:
            return found
        if self._writer is None:
            raise Unavailable
        request = _Request(demands)
        self._wait(request)
        try:
            async with asyncio.timeout(RESERVE_SECONDS):
                return await request.result
        except (asyncio.CancelledError, TimeoutError) as error:
            result = request.result
            if result.done() and not result.cancelled() and result.exception() is None:
                self._parts.take_back([result.result()])
                self._wake()
            if isinstance(error, TimeoutError):
                raise Unavailable from error
            raise

    def enter(self, demands: tuple[Demand, ...]) -> Reservation:
        """Let a call pass without reserving anything. What it uses is settled as that of others."""
        return self._parts.enter(demands)

    def settle(self, reservation: Reservation, used: Sequence[int]) -> None:
        """Give back what a call has reserved, and count what it has used. Does not block."""
        self._parts.settle(reservation, used)
        self._wake()

    def _wait(self, request: _Request) -> None:
        self._waiting.append(request)
        self._wanted.set()
        self._asked.set()

    def _wake(self) -> None:
        if self._parts.unwritten:
            self._wanted.set()

    async def _renew(self) -> None:
        self._parts.renew(now())
        self._wake()

    # -- writing --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._waiting and len(self._parts.unwritten) < MAX_COUNTERS:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SETTLE_SECONDS):
                        await self._asked.wait()
            self._wanted.clear()
            self._asked.clear()
            requests, due = self._take()
            self._is_writing = True
            try:
                await self._write(requests, due)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next transaction may succeed
                self._failed(requests, due, error)
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                self._is_writing = False
            if self._waiting:
                self._wanted.set()
            self._wake()

    def _take(self) -> tuple[list[_Request], set[CounterKey]]:
        """Return the calls of the next transaction, and the counters that are to be written in any case."""
        requests, keys = list[_Request](), set[CounterKey]()
        for request in self._waiting:
            if len(keys) >= MAX_COUNTERS:
                break
            requests.append(request)
            keys.update(demand.key for demand in request.demands)
        del self._waiting[: len(requests)]
        unwritten = self._parts.unwritten
        due = unwritten & keys
        unwritten -= keys
        while unwritten and len(due) < MAX_COUNTERS:
            due.add(unwritten.pop())
        return requests, due

    def _failed(self, requests: Sequence[_Request], due: set[CounterKey], error: Exception) -> None:
        """Have the calls refused, and all else written later."""
        self._parts.failed(due | _keys(requests))
        if not isinstance(error, Unavailable):
            at = error_location(error)
            log.warning("budgets not written", error=type(error).__name__, at=at)
        for request in requests:
            if not request.result.done():
                request.result.set_exception(Unavailable())

    async def _write(self, requests: Sequence[_Request], due: set[CounterKey]) -> None:
        for request in requests:
            self._parts.add(request.demands)
        keys, started = self._parts.known(due | _keys(requests)), time.monotonic()
        if not keys:  # all of the budgets were deleted
            return
        async with transaction():
            totals = await self._move(requests, keys, due)
        self._parts.committed(totals, started)

    async def _move(
        self, requests: Sequence[_Request], keys: Sequence[CounterKey], due: set[CounterKey]
    ) -> Mapping[CounterKey, Totals]:
        """Decide what each call is given, and write the totals. Return those, by counter."""
        parts, at = self._parts, time.monotonic()
        await statements.add_counters(parts.without_counter(keys))
        counters = await statements.lock_counters(keys)
        parts.look_at(keys, counters)
        decided = [
            (one, parts.decide(one.demands, counters, at))
            for one in requests
            if not one.result.done()
        ]
        try:
            totals = parts.to_write(counters, due, at)
            decided = await self._postponed(decided, counters, at)
            await statements.write_parts(self._instance_id, totals, parts, self._seconds)
        except BaseException:
            parts.take_back(result for _, result in decided)
            raise
        # Other processes wait for the commit, and see the reservations then. The calls need not wait.
        parts.written(totals, at)
        for request, result in decided:
            if request.result.done():
                parts.take_back([result])
            else:
                request.result.set_result(result)
        return totals

    async def _postponed(self, decided: Decisions, counters: Counters, at: float) -> Decisions:
        """Return the decisions, without refusals while other processes have something spare: those calls ask again."""
        short = {
            result.demand.key
            for one, result in decided
            if isinstance(result, Refusal)
            and at < one.deadline
            and counters[result.demand.key].can_have(result.demand.minimum)
        }
        if not short:
            return decided
        spare = await statements.spare_of_others(self._instance_id, list(short))
        kept: Decisions = []
        for request, result in decided:
            if isinstance(result, Refusal) and result.demand.key in spare and at < request.deadline:
                asyncio.get_running_loop().call_later(LOOK_SECONDS, self._wait, request)
            else:
                kept.append((request, result))
        return kept


def _keys(requests: Sequence[_Request]) -> set[CounterKey]:
    return {demand.key for one in requests for demand in one.demands}
