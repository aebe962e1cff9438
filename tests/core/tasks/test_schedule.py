"""Periodic tasks run once per cluster and interval."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.core.tasks.conftest import TaskKinds

from portico.db import execute, fetch_all
from portico.tasks import NoArguments, TaskRun, TaskType
from portico.tasks.schedule import add_to_schedule
from portico.testing import InProcessApp

HOUR = 3600.0
MAKE_DUE = "UPDATE portico_task_schedule SET next_at = $2 WHERE name = $1"


@pytest.fixture
def several(app: InProcessApp, env: dict[str, str]) -> Iterator[list[TaskKinds]]:
    """Three instances of one database."""
    others = [InProcessApp(env) for _ in range(2)]
    yield [TaskKinds(one) for one in (app, *others)]
    for other in others:
        other.close()


def schedule(kinds: TaskKinds, run: Callable[..., Any], **limits: Any) -> TaskType:
    made = TaskType("test:tick", NoArguments, run, every=HOUR, **({"backoff": 0.0} | limits))
    kinds.types[made.name] = made
    kinds.tasks.set_types(list(kinds.types.values()))
    kinds.app.run(add_to_schedule, [made])
    return made


def next_in(kinds: TaskKinds) -> float:
    sql = "SELECT next_at FROM portico_task_schedule WHERE name = 'test:tick'"
    (row,) = kinds.app.run(fetch_all, sql)
    now: float = kinds.app.run(fetch_all, "SELECT MAX(created_at) AS at FROM portico_task")[0]["at"]
    return float(row["next_at"]) - now


def test_periodic_task_runs_once_for_all_instances_in_each_interval(
    several: list[TaskKinds],
) -> None:
    ticks = []

    async def tick(run: TaskRun, _none: Any) -> None:
        ticks.append(run.id)

    for kinds in several:
        schedule(kinds, tick)
    for number in (1, 2, 3):
        several[0].app.run(execute, MAKE_DUE, "test:tick", 0.0)
        due = [kinds.app.start(kinds.tasks.run_due) for kinds in several for _ in range(3)]
        for one in due:
            one.result(30)
        several[0].until(lambda number=number: len(ticks) == number)
        for kinds in several:
            kinds.sweep()
        assert len(ticks) == number
    assert HOUR - 60 < next_in(several[0]) <= HOUR + 1
    assert [row["id"] for row in several[0].rows("name = 'test:tick'")] == ticks[-1:]


def test_periodic_task_is_not_due_at_the_first_start(kinds: TaskKinds) -> None:
    ticks = []

    async def tick(run: TaskRun, _none: Any) -> None:
        ticks.append(run.id)

    schedule(kinds, tick)
    kinds.run_due()
    assert ticks == []


def test_periodic_task_that_still_runs_is_not_started_again(kinds: TaskKinds) -> None:
    started = 0
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def tick(_run: TaskRun, _none: Any) -> None:
        nonlocal started
        started += 1
        begun.set()
        await may_end.wait()

    async def release() -> None:
        may_end.set()

    schedule(kinds, tick)
    for _ in range(2):
        kinds.app.run(execute, MAKE_DUE, "test:tick", 0.0)
        kinds.sweep()
        kinds.app.run(begun.wait)
    assert started == 1
    kinds.app.run(release)
    kinds.run_due()
    kinds.app.run(execute, MAKE_DUE, "test:tick", 0.0)
    kinds.run_due()
    assert started == 2


def test_periodic_task_that_fails_is_kept_and_the_next_one_runs(kinds: TaskKinds) -> None:
    async def fail(_run: TaskRun, _none: Any) -> None:
        raise RuntimeError

    schedule(kinds, fail, max_tries=2)
    for count in (1, 2):
        kinds.app.run(execute, MAKE_DUE, "test:tick", 0.0)
        kinds.run_due()
        rows = kinds.rows("name = 'test:tick'")
        assert [row["status"] for row in rows] == ["failed"] * count


@pytest.mark.case("FT-06")
def test_periodic_task_is_due_after_the_clock_was_set_back(kinds: TaskKinds) -> None:
    ticks = []

    async def tick(run: TaskRun, _none: Any) -> None:
        ticks.append(run.id)

    schedule(kinds, tick)
    kinds.app.run(execute, MAKE_DUE, "test:tick", 4e12)
    kinds.run_due()
    assert len(ticks) == 1
    assert next_in(kinds) <= HOUR + 1
