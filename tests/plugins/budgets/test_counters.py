"""The counters: what two processes reserve and use at the same time, whatever fails or is cancelled."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from portico.api.db import execute, fetch_all, fetch_one
from portico.errors import Unavailable
from portico.testing import InProcessApp
from portico_budgets import store
from portico_budgets.budget import EVERYONE, UNBOUNDED, Budget, Period, period_at
from portico_budgets.counters import BudgetCounters, CounterKey, Demand, Refusal, Reservation
from portico_budgets.counters.statements import free_expired

#: Two processes with long reservations.
SECONDS = 3600
_SUM = (
    "SELECT SUM(used) AS used, SUM(reserved) AS reserved FROM budgets_counter WHERE budget_id = $1"
)


def budget(name: str, amount: int, period: Period | None = None) -> Budget:
    return Budget(
        id=name,
        subject=EVERYONE,
        unit="tokens",
        period=period,
        amount=amount,
        created_at=0,
        updated_at=0,
    )


async def insert(*budgets: Budget) -> None:
    """Store budgets. Their subjects differ, as the table demands."""
    for one in budgets:
        await execute(
            "INSERT INTO budgets_budget VALUES ($1, 'model', $1, 'tokens', '', $2, 0, 0)",
            one.id,
            one.amount,
        )


def demand(of: Budget, wanted: int, minimum: int | None = None) -> Demand:
    key = CounterKey(of.id, UNBOUNDED.start)
    return Demand(key, of, UNBOUNDED, wanted, wanted if minimum is None else minimum)


async def sums(of: Budget) -> tuple[int, int]:
    """Return what is used and reserved of a budget."""
    row: Any = await fetch_one(_SUM, of.id)
    return int(row["used"] or 0), int(row["reserved"] or 0)


@asynccontextmanager
async def processes(*names: str, seconds: int = SECONDS) -> AsyncIterator[list[BudgetCounters]]:
    """The counters of several processes."""
    made = [BudgetCounters(name, seconds) for name in names]
    for one in made:
        one.start()
    yield made
    for one in made:
        await one.stop()


async def _call(
    chance: random.Random, counters: BudgetCounters, budgets: list[Budget], used: dict[str, int]
) -> None:
    """One call: it reserves, may be cancelled while it waits, uses at most what it has reserved, and ends."""
    wanted = tuple(
        demand(one, chance.randint(1, 40), chance.choice([None, 1]))
        for one in chance.sample(budgets, chance.randint(1, len(budgets)))
    )
    asked = asyncio.ensure_future(counters.reserve(wanted))
    if chance.random() < 0.2:
        await asyncio.sleep(chance.random() / 200)
        asked.cancel()
    try:
        found = await asked
    except asyncio.CancelledError:
        return
    if isinstance(found, Refusal):
        return
    await asyncio.sleep(chance.random() / 100)
    costs = [chance.randint(0, amount) for amount in found.amounts]
    for one, cost in zip(wanted, costs, strict=True):
        used[one.budget.id] += cost
    counters.settle(found, costs)


async def _random_calls(seed: int) -> None:
    chance = random.Random(seed)
    budgets = [budget(name, chance.randint(50, 2000)) for name in ("a", "b", "c")]
    await insert(*budgets)
    used = dict.fromkeys(("a", "b", "c"), 0)
    async with processes("one", "two") as both:
        calls = [
            asyncio.create_task(_call(chance, chance.choice(both), budgets, used))
            for _ in range(300)
        ]
        while not all(one.done() for one in calls):
            for one in budgets:
                taken, reserved = await sums(one)
                assert reserved >= 0 and taken + reserved <= one.amount
            await asyncio.sleep(0.002)
        await asyncio.gather(*calls)
    for one in budgets:
        assert await sums(one) == (used[one.id], 0)


@pytest.mark.parametrize("seed", range(4))
def test_used_and_reserved_never_exceed_the_limit(app: InProcessApp, seed: int) -> None:
    app.run(_random_calls, seed)


def test_as_many_calls_pass_at_once_as_the_limit_allows(app: InProcessApp) -> None:
    budgets = [budget(f"b{number}", 20) for number in range(15)]

    async def work() -> None:
        await insert(*budgets)
        async with processes("one", "two", "three") as all_counters:
            for one in budgets:
                found = await asyncio.gather(
                    *(counters.reserve((demand(one, 1),)) for counters in all_counters * 10)
                )
                assert sum(isinstance(result, Reservation) for result in found) == one.amount

    app.run(work)


def test_call_reserves_all_budgets_or_none(app: InProcessApp) -> None:
    wide, narrow = budget("wide", 100), budget("narrow", 1)

    async def work() -> None:
        await insert(wide, narrow)
        async with processes("one") as (counters,):
            first = await counters.reserve((demand(wide, 1), demand(narrow, 1)))
            second = await counters.reserve((demand(wide, 1), demand(narrow, 1)))
            assert isinstance(first, Reservation) and isinstance(second, Refusal)
            assert second.demand.budget is narrow
            counters.settle(first, (1, 1))
        assert await sums(wide) == (1, 0)

    app.run(work)


def test_call_without_limit_reserves_what_is_left(app: InProcessApp) -> None:
    small = budget("small", 100)

    async def work() -> None:
        await insert(small)
        async with processes("one", "two") as (one, two):
            first = await one.reserve((demand(small, 1000, 1),))
            assert isinstance(first, Reservation) and first.amounts == (100,)
            one.settle(await _granted(first), (30,))
            second = await two.reserve((demand(small, 60, 1),))
            while isinstance(second, Refusal):  # until the first process has written
                second = await two.reserve((demand(small, 60, 1),))
            assert second.amounts == (60,)
            assert isinstance(await one.reserve((demand(small, 11),)), Refusal)
            two.settle(second, (60,))

    app.run(work)


async def _granted(found: Reservation | Refusal) -> Reservation:
    assert isinstance(found, Reservation)
    return found


def test_reservations_of_a_dead_process_are_freed_and_its_usage_stays(app: InProcessApp) -> None:
    one_budget = budget("b", 100)

    async def work() -> None:
        await insert(one_budget)
        dead = BudgetCounters("dead", SECONDS)
        dead.start()
        ended = await _granted(await dead.reserve((demand(one_budget, 40),)))
        await _granted(await dead.reserve((demand(one_budget, 50),)))
        dead.settle(ended, (25,))
        while await sums(one_budget) != (25, 50):
            await asyncio.sleep(0.01)
        assert await free_expired() == 0
        await execute("UPDATE budgets_part SET expires_at = 1")
        assert await free_expired() == 1
        assert await sums(one_budget) == (25, 0)
        await dead.stop()

    app.run(work)


def test_paused_process_reserves_again_what_was_freed(app: InProcessApp) -> None:
    one_budget = budget("b", 100)

    async def work() -> None:
        await insert(one_budget)
        async with processes("paused") as (paused,):
            running = await _granted(await paused.reserve((demand(one_budget, 50),)))
            other = await _granted(await paused.reserve((demand(one_budget, 10),)))
            await execute("UPDATE budgets_part SET expires_at = 1")
            await free_expired()
            paused.settle(other, (10,))
            while await sums(one_budget) != (10, 50):
                await asyncio.sleep(0.01)
            paused.settle(running, (45,))
        assert await sums(one_budget) == (55, 0)

    app.run(work)


def test_usage_survives_failed_transactions(
    app: InProcessApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was committed although its commit failed."""
    one_budget = budget("b", 100)
    from portico_budgets.counters import budget_counters

    write, failures = budget_counters.BudgetCounters._write, ["before", "after"]

    async def failing(self: BudgetCounters, *args: Any) -> None:
        where = failures.pop() if failures else ""
        if where == "before":
            raise Unavailable
        before = {key: one.written for key, one in self._parts._parts.items()}
        await write(self, *args)
        if where == "after":  # what was written is not known
            for key, known in before.items():
                self._parts[key].written = known
            raise Unavailable

    async def work() -> None:
        await insert(one_budget)
        async with processes("one") as (counters,):
            running = await _granted(await counters.reserve((demand(one_budget, 50),)))
            monkeypatch.setattr(budget_counters.BudgetCounters, "_write", failing)
            counters.settle(running, (20,))
            while await sums(one_budget) != (20, 0) or failures:
                await asyncio.sleep(0.01)
            again = await _granted(await counters.reserve((demand(one_budget, 80),)))
            counters.settle(again, (80,))
        assert await sums(one_budget) == (100, 0)

    app.run(work)


def test_calls_that_come_often_need_not_wait(app: InProcessApp) -> None:
    large = budget("large", 100_000)

    async def work() -> None:
        await insert(large)
        async with processes("one") as (counters,):
            wanted, waited = (demand(large, 1),), 0
            for _ in range(200):
                found = counters.reserve_spare(wanted)
                if found is None:
                    waited += 1
                    found = await counters.reserve(wanted)
                counters.settle(await _granted(found), (1,))
                await asyncio.sleep(0.002)
            assert waited < 100
        assert await sums(large) == (200, 0)

    app.run(work)


def test_call_waits_until_the_other_process_gives_back_what_is_spare(app: InProcessApp) -> None:
    shared = budget("shared", 400)

    async def work() -> None:
        await insert(shared)
        async with processes("one", "two") as (one, two):
            for _ in range(50):
                found = await _granted(await one.reserve((demand(shared, 1),)))
                one.settle(found, (1,))
            rest = await _granted(await two.reserve((demand(shared, 350),)))
            two.settle(rest, (350,))
            assert isinstance(await one.reserve((demand(shared, 1),)), Refusal)
        assert await sums(shared) == (400, 0)

    app.run(work)


def test_call_whose_reservation_cannot_be_written_is_refused(
    app: InProcessApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_budget = budget("b", 10)
    from portico_budgets.counters import statements

    write = statements.write_parts

    async def failing(*_: Any) -> None:
        monkeypatch.setattr(statements, "write_parts", write)
        raise Unavailable

    async def work() -> None:
        await insert(one_budget)
        async with processes("one") as (counters,):
            monkeypatch.setattr(statements, "write_parts", failing)
            with pytest.raises(Unavailable):
                await counters.reserve((demand(one_budget, 10),))
            again = await _granted(await counters.reserve((demand(one_budget, 10),)))
            counters.settle(again, (4,))
        assert await sums(one_budget) == (4, 0)

    app.run(work)


def test_deleted_budget_limits_nothing_and_leaves_nothing(
    app: InProcessApp, capfd: pytest.CaptureFixture[str]
) -> None:
    one_budget = budget("b", 10)

    async def work() -> None:
        await insert(one_budget)
        async with processes("one") as (counters,):
            running = await _granted(await counters.reserve((demand(one_budget, 10),)))
            await store.delete([one_budget.id])
            assert (await _granted(await counters.reserve((demand(one_budget, 5),)))).amounts == (
                0,
            )
            counters.settle(running, (10,))
        assert await fetch_all("SELECT 1 FROM budgets_counter") == []
        assert await fetch_all("SELECT 1 FROM budgets_part") == []

    app.run(work)
    assert "budgets not written" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("period", "at", "start", "end"),
    [
        ("minute", 1_796_047_199, 1_796_047_140, 1_796_047_200),
        ("day", 1_796_083_199, 1_795_996_800, 1_796_083_200),
        ("month", 1_798_761_599, 1_796_083_200, 1_798_761_600),
        ("month", 1_798_761_600, 1_798_761_600, 1_801_440_000),
        (None, 5, 0, None),
    ],
)
def test_periods_are_those_of_the_calendar_in_utc(
    period: Period | None, at: int, start: int, end: int | None
) -> None:
    found = period_at(period, at)
    assert (found.start, found.end) == (start, end)
