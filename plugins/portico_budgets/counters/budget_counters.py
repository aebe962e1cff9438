"""Reserves and settles. One transaction at a time writes what all calls of this process have asked for meanwhile."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import structlog

from portico.api import PeriodicTask, Unavailable, error_location
from portico.api.db import now, transaction
from portico_budgets.counters import statements
from portico_budgets.counters.demand import CounterKey, Demand, Refusal, Reservation
from portico_budgets.counters.part import Part, Totals

#: Counters that one transaction changes.
MAX_COUNTERS: Final = 100
#: Seconds for which the ends of calls are collected, if no other call begins.
SETTLE_SECONDS: Final = 0.1
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


Counters: TypeAlias = Mapping[CounterKey, statements.Counter]
Decisions: TypeAlias = list[tuple[_Request, Reservation | Refusal]]


class BudgetCounters:
    """Reserves amounts of budgets for calls, and settles them when the calls have ended.

    This process has a part in each counter: the total that its running calls have reserved, and the total that its calls
    have used. The database has the same totals, so a repeated write changes nothing. The reserved total expires
    `reservation_seconds` after the last write; it is written again in time while calls are running.
    """

    def __init__(self, instance_id: str, reservation_seconds: int) -> None:
        self._instance_id, self._seconds = instance_id, reservation_seconds
        self._parts: dict[CounterKey, Part] = {}
        self._waiting: list[_Request] = []
        self._unwritten: set[CounterKey] = set()
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
                while self._unwritten or self._waiting or self._is_writing:
                    self._wanted.set()
                    self._asked.set()
                    await asyncio.sleep(0.01)
        writer.cancel()
        await asyncio.wait({writer})

    def reserve_spare(self, demands: tuple[Demand, ...]) -> Reservation | Refusal | None:
        """Do as `reserve` without waiting; None if that is not possible."""
        at, parts = time.monotonic(), list[Part]()
        for demand in demands:
            part = self._parts.get(demand.key)
            if part is None:
                return None
            if demand.minimum > demand.budget.amount - part.known_used:
                return Refusal(demand)
            if not part.can_give(demand.wanted, at):
                return None
            parts.append(part)
        for part, demand in zip(parts, demands, strict=True):
            part.give(demand.wanted)
        return Reservation(demands, tuple(demand.wanted for demand in demands))

    async def reserve(self, demands: tuple[Demand, ...]) -> Reservation | Refusal:
        """Reserve what a call wants of all its budgets, or nothing. Raises: Unavailable."""
        if (found := self.reserve_spare(demands)) is not None:
            return found
        if self._writer is None:
            raise Unavailable
        request = _Request(demands)
        self._wait(request)
        try:
            return await request.result
        except asyncio.CancelledError:
            result = request.result
            if result.done() and not result.cancelled() and result.exception() is None:
                self._take_back([result.result()])
            raise

    def _wait(self, request: _Request) -> None:
        self._waiting.append(request)
        self._wanted.set()
        self._asked.set()

    def enter(self, demands: tuple[Demand, ...]) -> Reservation:
        """Let a call pass without reserving anything. What it uses is settled as that of others."""
        for demand in demands:
            self._part(demand).calls += 1
        return Reservation(demands, (0,) * len(demands))

    def settle(self, reservation: Reservation, used: Sequence[int]) -> None:
        """Give back what a call has reserved, and count what it has used. Does not block."""
        for demand, amount, cost in zip(
            reservation.demands, reservation.amounts, used, strict=True
        ):
            part = self._parts.get(demand.key)
            if part is None:  # the budget was deleted
                continue
            part.calls -= 1
            part.reserved -= amount
            part.used += cost
            if not part.is_written:
                self._unwritten.add(demand.key)
        if self._unwritten:
            self._wanted.set()

    def _part(self, demand: Demand) -> Part:
        part = self._parts.get(demand.key)
        if part is None:
            part = self._parts[demand.key] = Part(demand.bounds)
        return part

    # -- writing --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            if not self._waiting:
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
            if self._waiting or self._unwritten:
                self._wanted.set()

    def _take(self) -> tuple[list[_Request], set[CounterKey]]:
        """Return the calls of the next transaction, and the counters that are to be written in any case."""
        due: set[CounterKey] = set()
        while self._unwritten and len(due) < MAX_COUNTERS:
            due.add(self._unwritten.pop())
        keys, requests = set(due), list[_Request]()
        for request in self._waiting:
            if requests and len(keys) >= MAX_COUNTERS:
                break
            requests.append(request)
            keys.update(demand.key for demand in request.demands)
        del self._waiting[: len(requests)]
        return requests, due

    def _failed(self, requests: Sequence[_Request], due: set[CounterKey], error: Exception) -> None:
        """Have the calls refused, and all else written later. What the database has now is not known."""
        keys = due | {demand.key for one in requests for demand in one.demands}
        self._unwritten |= keys & self._parts.keys()
        for key in keys & self._parts.keys():
            self._parts[key].valid_until = 0.0
        if not isinstance(error, Unavailable):
            at = error_location(error)
            log.warning("budgets not written", error=type(error).__name__, at=at)
        for request in requests:
            if not request.result.done():
                request.result.set_exception(Unavailable())

    async def _write(self, requests: Sequence[_Request], due: set[CounterKey]) -> None:
        for request in requests:
            for demand in request.demands:
                self._part(demand)
        keys = due | {demand.key for one in requests for demand in one.demands}
        known, started = sorted(keys & self._parts.keys()), time.monotonic()
        if not known:  # all of the budgets were deleted
            return
        async with transaction():
            totals = await self._move(requests, known, due)
        for key in totals:
            if (part := self._parts.get(key)) is not None:
                part.written, part.is_known = part.writing, True
                part.expires_at = started + self._seconds * 0.9
                if not part.is_written:
                    self._unwritten.add(key)

    async def _move(
        self, requests: Sequence[_Request], keys: list[CounterKey], due: set[CounterKey]
    ) -> Mapping[CounterKey, Totals]:
        """Decide what each call is given, and write the totals. Return those, by counter."""
        parts, at = self._parts, time.monotonic()
        await statements.add_counters({key: parts[key] for key in keys if not parts[key].is_known})
        counters = await statements.lock_counters(keys)
        for key in keys:
            if key in counters:
                parts[key].known_used = counters[key].used
            else:  # the budget was deleted
                del parts[key]
        decided = [
            (one, self._decide(one.demands, counters, at))
            for one in requests
            if not one.result.done()
        ]
        try:
            totals = self._totals(counters, due, at)
            decided = await self._postponed(decided, counters, at)
            await statements.write_parts(self._instance_id, totals, parts, self._seconds)
        except BaseException:
            self._take_back(result for _, result in decided)
            raise
        # Other processes wait for the commit, and see the reservations then. The calls need not wait.
        for key in totals:
            parts[key].valid_until = at + self._seconds / 2
        for request, result in decided:
            if request.result.done():
                self._take_back([result])
            else:
                request.result.set_result(result)
        return totals

    def _decide(
        self, demands: tuple[Demand, ...], counters: Counters, at: float
    ) -> Reservation | Refusal:
        amounts: list[int] = []
        for demand in demands:
            counter = counters.get(demand.key)
            if counter is None:  # the budget was deleted
                amounts.append(0)
                continue
            left = self._parts[demand.key].left(counter.left, at)
            if left < demand.minimum:
                return Refusal(demand)
            amounts.append(min(demand.wanted, left))
        for demand, amount in zip(demands, amounts, strict=True):
            self._part(demand).give(amount)
        return Reservation(demands, tuple(amounts))

    def _totals(
        self, counters: Counters, due: set[CounterKey], at: float
    ) -> Mapping[CounterKey, Totals]:
        """Return what is to be written."""
        totals = {}
        for key, counter in counters.items():
            part = self._parts[key]
            if key not in due and part.is_written:
                continue
            spare = part.spare_for(part.left(counter.left, at), at)
            part.writing = totals[key] = Totals(part.reserved + spare, part.used, spare)
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

    def _take_back(self, results: Iterable[Reservation | Refusal]) -> None:
        for result in results:
            if isinstance(result, Reservation):
                self.settle(result, (0,) * len(result.amounts))

    async def _renew(self) -> None:
        """Have the reservations of running calls written again, and forget counters whose period is over."""
        at = now()
        for key in [key for key, part in self._parts.items() if part.is_over(at)]:
            del self._parts[key]
        self._unwritten |= {
            key for key, part in self._parts.items() if part.reserved or part.written.reserved
        }
        if self._unwritten:
            self._wanted.set()
