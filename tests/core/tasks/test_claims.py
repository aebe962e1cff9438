"""A task is run once, whatever delivers it; accounts share the slots; nothing depends on a clock that is right."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.core.tasks.conftest import TaskKinds

from portico.db import current_database, database_clock, execute, fetch_all
from portico.tasks import TaskRun
from portico.testing import Client, InProcessApp

Two = tuple[TaskKinds, TaskKinds]


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_TASKS_MAX_RUNNING_PER_ACCOUNT": "2", "PORTICO_TASKS_CONCURRENCY": "5"}


@pytest.fixture
def two(app: InProcessApp, env: dict[str, str]) -> Iterator[Two]:
    """Two instances of one database."""
    other = InProcessApp(env)
    yield TaskKinds(app), TaskKinds(other)
    other.close()


@pytest.fixture
def set_clock(kinds: TaskKinds, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Move the clock of the database by so many seconds."""
    dialect = kinds.app.portico.database.dialect
    right = database_clock._CLOCK[dialect]

    def move(seconds: int) -> None:
        monkeypatch.setitem(database_clock._CLOCK, dialect, f"({right} + {seconds})")
        database_clock._for_dialect.cache_clear()

    yield move
    move(0)


async def write_effect(run: TaskRun, _work: Any) -> None:
    async with run.completing():
        await execute("INSERT INTO test_effect (task_id) VALUES ($1)", run.id)


async def effects() -> Counter[str]:
    return Counter(row["task_id"] for row in await fetch_all("SELECT task_id FROM test_effect"))


@pytest.mark.case("FT-25")
def test_task_that_is_delivered_five_times_in_parallel_has_one_effect(two: Two) -> None:
    here, there = two
    here.app.run(execute, "CREATE TABLE test_effect (task_id TEXT NOT NULL)")
    for kinds in two:
        kinds.add("effect", write_effect)
    created = [here.create("effect", delay=3600) for _ in range(20)]
    here.app.run(execute, "UPDATE portico_task SET run_at = 0 WHERE name = 'test:effect'")

    async def deliver(kinds: TaskKinds, task_id: str) -> None:
        for active in await kinds.tasks.runner.claim([task_id]):
            await active.ended.wait()

    pending = [
        kinds.app.start(deliver, kinds, task_id)
        for task_id in created
        for kinds in (here, there, here, there, here)
    ]
    for one in pending:
        one.result(30)
    here.run_due()
    there.run_due()
    here.until(lambda: not there.tasks.runner.executor.active)
    assert here.app.run(effects) == dict.fromkeys(created, 1)
    assert {row["status"] for row in here.rows("name = 'test:effect'")} == {"completed"}


def test_delivery_of_a_task_that_is_not_due_or_not_known_changes_nothing(
    kinds: TaskKinds,
) -> None:
    kinds.add("effect", write_effect)
    task_id = kinds.create("effect", delay=3600)
    assert kinds.app.run(kinds.tasks.runner.claim, [task_id, "no-such-task"]) == []
    row = kinds.row(task_id)
    assert (row["status"], row["claims"]) == ("pending", 0)


def test_task_of_an_unknown_name_waits_until_its_plugin_is_loaded(kinds: TaskKinds) -> None:
    done = []

    async def note(_run: TaskRun, work: Any) -> None:
        done.append(work.label)

    kinds.add("absent", note)
    task_id = kinds.create("absent", "here", delay=3600)
    kinds.remove("absent")
    kinds.app.run(execute, "UPDATE portico_task SET run_at = 0 WHERE id = $1", task_id)
    kinds.run_due()
    kinds.sweep()
    assert kinds.row(task_id)["status"] == "pending"
    kinds.add("absent", note)
    kinds.run_due()
    assert done == ["here"]


def test_account_runs_no_more_than_its_share_and_others_are_not_held_up(
    kinds: TaskKinds, admin: Client, user: Client
) -> None:
    running: Counter[str | None] = Counter()
    most: Counter[str | None] = Counter()
    order = []

    async def work(run: TaskRun, _work: Any) -> None:
        running[run.user_id] += 1
        most[run.user_id] = max(most[run.user_id], running[run.user_id])
        order.append(run.user_id)
        await asyncio.sleep(0.05)
        running[run.user_id] -= 1

    kinds.add("work", work)
    many, few = admin.account["id"], user.account["id"]
    for _ in range(12):
        kinds.create("work", user_id=many, delay=3600)
    for owner in (few, None):
        kinds.create("work", user_id=owner, delay=3600)
    kinds.app.run(execute, "UPDATE portico_task SET run_at = created_at WHERE name = 'test:work'")
    kinds.until(lambda: len(order) == 14)
    kinds.run_due()
    assert most == {many: 2, few: 1, None: 1}
    assert few in order[:6]
    assert None in order[:6]


def test_process_runs_no_more_tasks_than_it_has_slots(kinds: TaskKinds) -> None:
    most = done = 0

    async def work(_run: TaskRun, _work: Any) -> None:
        nonlocal most, done
        most = max(most, len(kinds.tasks.runner.executor.active))
        await asyncio.sleep(0.02)
        done += 1

    kinds.add("work", work)
    for _ in range(12):
        kinds.create("work", delay=3600)
    kinds.app.run(execute, "UPDATE portico_task SET run_at = 0 WHERE name = 'test:work'")
    kinds.until(lambda: done == 12)
    assert most == 5


@pytest.mark.case("FT-06")
def test_task_is_not_held_up_or_repeated_when_the_clock_jumps(
    kinds: TaskKinds, set_clock: Callable[[int], None]
) -> None:
    done = []

    async def note(_run: TaskRun, work: Any) -> None:
        done.append(work.label)

    kinds.add("note", note)
    set_clock(3600)
    kinds.sweep()
    waiting = kinds.create("note", "delayed by a minute", delay=60)
    set_clock(0)
    kinds.sweep()
    row = kinds.row(waiting)
    now = kinds.app.run(clock)
    assert 0 < row["run_at"] - now <= 60
    kinds.create("note", "created after the jump back")
    kinds.run_due()
    set_clock(3600)
    kinds.run_due()
    set_clock(0)
    kinds.sweep()
    kinds.run_due()
    assert sorted(done) == ["created after the jump back", "delayed by a minute"]


async def clock() -> float:
    sql = database_clock.with_clock("SELECT {clock} AS clock")
    found: float = (await current_database().rows(sql))[0]["clock"]
    return found
