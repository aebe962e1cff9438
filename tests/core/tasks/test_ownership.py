"""Tasks of processes that ended are taken over; owners see and end their own tasks, wherever they run."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.core.tasks.conftest import TaskKinds
from tests.redis_server import RedisServer

from portico.db import execute
from portico.errors import InvalidRequest, NotFound, RateLimited
from portico.identity import Actor
from portico.server.supervisor import CRASH_LOOP_SECONDS
from portico.tasks import TaskInfo, TaskRun
from portico.tasks.recovery import CRASH_DELAY_SECONDS, take_over_lost_tasks
from portico.testing import Client, InProcessApp

Two = tuple[TaskKinds, TaskKinds]


@pytest.fixture(params=["redis", "database"])
def env(env: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "database":
        return env
    redis: RedisServer = request.getfixturevalue("redis")
    return env | {"REDIS_URL": redis.url}


@pytest.fixture
def two(app: InProcessApp, env: dict[str, str]) -> Iterator[Two]:
    """Two instances of one database that know each other."""
    other = InProcessApp(env)
    both = TaskKinds(app), TaskKinds(other)
    both[0].until(lambda: all(one.app.portico.instance_channel.has_peers for one in both))
    yield both
    other.close()


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portico.tasks.recovery.CRASH_DELAY_SECONDS", 0.0)


def actor(client: Client) -> Actor:
    account = client.account
    return Actor(account["id"], account["email"], account["name"], account["role"], "", "")


class Hanging:
    """A task that hangs until it is cancelled. `ends`: how its tries ended."""

    def __init__(self) -> None:
        self.started = 0
        self.ends: list[str] = []

    async def run(self, run: TaskRun, _work: Any) -> None:
        self.started += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.ends.append("cancelled")
            raise


@pytest.mark.case("FT-24")
def test_task_of_an_instance_that_is_not_alive_is_taken_over(kinds: TaskKinds) -> None:
    tries = []

    async def note(run: TaskRun, _work: Any) -> None:
        tries.append(run.tries)

    kinds.add("note", note, max_tries=2)
    lost, spent, ending = (kinds.create("note", delay=3600) for _ in range(3))
    sql = "UPDATE portico_task SET status = 'running', instance_id = 'gone', claims = 1, tries = $2, cancel_requested = $3 WHERE id = $1"
    for values in ((lost, 1, False), (spent, 2, False), (ending, 1, True)):
        kinds.app.run(execute, sql, *values)
    kinds.sweep()
    row = kinds.until_status(lost, "completed")
    assert tries == [2]
    assert row["instance_id"] == kinds.app.portico.instance.id
    row = kinds.row(spent)
    assert (row["status"], row["error"]) == ("failed", "Its process ended unexpectedly.")
    assert kinds.row(ending)["status"] == "cancelled"


def test_task_whose_process_ended_waits_until_a_supervisor_would_bear_another_end(
    kinds: TaskKinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.tasks.recovery.CRASH_DELAY_SECONDS", CRASH_DELAY_SECONDS)
    kinds.add("hang", Hanging().run)
    task_id = kinds.create("hang", delay=3600)
    sql = "UPDATE portico_task SET status = 'running', instance_id = 'gone', claims = 1, tries = 1 WHERE id = $1"
    kinds.app.run(execute, sql, task_id)
    kinds.sweep()
    row = kinds.row(task_id)
    assert row["status"] == "pending"
    assert row["run_at"] - row["queued_at"] > CRASH_LOOP_SECONDS


def test_try_that_was_taken_over_writes_nothing(kinds: TaskKinds) -> None:
    outcomes: list[str] = []
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def slow(run: TaskRun, _work: Any) -> None:
        if run.tries == 1:
            begun.set()
            await may_go_on.wait()
        try:
            async with run.completing():
                await execute("UPDATE portico_task SET item = item || 'x' WHERE id = $1", run.id)
        except Exception as error:
            outcomes.append(type(error).__name__)
            raise
        outcomes.append("completed")

    async def take_over(task_id: str) -> None:
        await begun.wait()
        # Another instance takes it over, is lost in turn, and this one runs it again.
        sql = "UPDATE portico_task SET status = 'pending', instance_id = NULL, run_at = 0 WHERE id = $1"
        await execute(sql, task_id)
        may_go_on.set()

    kinds.add("slow", slow)
    task_id = kinds.create("slow")
    kinds.app.run(take_over, task_id)
    row = kinds.until_status(task_id, "completed")
    kinds.run_due()
    assert sorted(outcomes) == ["TaskLost", "completed"]
    assert row["item"] == "x"


def test_task_that_nothing_runs_any_more_is_run_again(kinds: TaskKinds) -> None:
    async def nothing(_run: TaskRun, _work: Any) -> None:
        """Nothing to do."""

    kinds.add("nothing", nothing)
    task_id = kinds.create("nothing", delay=3600)
    own = kinds.app.portico.instance.id
    sql = "UPDATE portico_task SET status = 'running', instance_id = $2, claims = 1, tries = 1 WHERE id = $1"
    kinds.app.run(execute, sql, task_id, own)
    kinds.app.run(kinds.tasks.runner._check_own_tasks)
    kinds.until_status(task_id, "completed")


def test_stop_of_a_process_returns_its_tasks_without_counting_the_try(
    app: InProcessApp, env: dict[str, str]
) -> None:
    here, there = TaskKinds(app), TaskKinds(InProcessApp(env))
    hanging = Hanging()
    there.add("hang", hanging.run)
    task_id = there.create("hang")
    there.until(lambda: hanging.started == 1)
    there.app.close()
    row = here.row(task_id)
    assert (row["status"], row["tries"], row["error"]) == ("pending", 0, None)
    assert hanging.ends == ["cancelled"]


def test_deleting_an_account_ends_its_tasks(kinds: TaskKinds, admin: Client, user: Client) -> None:
    hanging = Hanging()
    kinds.add("hang", hanging.run)
    kinds.create("hang", user_id=user.account["id"])
    kinds.create("hang", user_id=user.account["id"], delay=3600)
    kinds.until(lambda: hanging.started == 1)
    assert admin.delete(f"/api/v1/users/{user.account['id']}").status == 200
    assert kinds.rows("name = 'test:hang'") == []
    kinds.until(lambda: hanging.ends == ["cancelled"])


def test_task_of_an_instance_that_has_just_started_is_not_taken_over(two: Two) -> None:
    here, there = two
    hanging = Hanging()
    there.add("hang", hanging.run)
    task_id = there.create("hang")
    there.until(lambda: hanging.started == 1)
    channel = here.app.portico.instance_channel

    async def look() -> int:
        channel.live_ids = frozenset({channel.instance_id})  # as before the other one started
        return await take_over_lost_tasks(channel, here.types, lambda *_: None)

    assert here.app.run(look) == 0
    assert here.row(task_id)["status"] == "running"


def test_cancel_ends_a_task_on_the_instance_that_runs_it(
    two: Two, admin: Client, user: Client
) -> None:
    here, there = two
    hanging = Hanging()
    there.add("hang", hanging.run)
    task_id = there.create("hang", user_id=user.account["id"])
    there.until(lambda: hanging.started == 1)
    assert here.app.run(here.tasks.cancel, actor(user), task_id) is True
    assert here.row(task_id)["status"] == "cancelled"
    assert hanging.ends == ["cancelled"]
    with pytest.raises(NotFound):
        here.app.run(here.tasks.cancel, actor(user), "no-such-task")


def test_cancel_is_certain_although_its_message_is_lost(
    two: Two, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    monkeypatch.setattr(here.app.portico.instance_channel, "publish", lambda *_: None)
    hanging = Hanging()
    there.add("hang", hanging.run)
    task_id = there.create("hang", user_id=user.account["id"])
    there.until(lambda: hanging.started == 1)
    assert here.app.run(here.tasks.cancel, actor(user), task_id) is True
    assert here.row(task_id)["status"] == "cancelled"


def test_cancel_of_a_task_that_does_not_end_is_only_requested(
    kinds: TaskKinds, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.tasks.cancellation.CONFIRM_SECONDS", 0.1)
    monkeypatch.setattr("portico.tasks.executor.GRACE_SECONDS", 60.0)
    started, may_end = asyncio.Event(), asyncio.Event()

    async def stubborn(_run: TaskRun, _work: Any) -> None:
        while not may_end.is_set():
            try:
                started.set()
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    kinds.add("stubborn", stubborn)
    task_id = kinds.create("stubborn", user_id=user.account["id"])
    kinds.app.run(started.wait)
    assert kinds.app.run(kinds.tasks.cancel, actor(user), task_id) is False
    assert kinds.row(task_id)["cancel_requested"]

    async def release() -> None:
        may_end.set()

    kinds.app.run(release)
    kinds.until_status(task_id, "completed")


def test_task_that_fails_after_its_end_was_requested_is_not_tried_again(
    kinds: TaskKinds,
) -> None:
    async def fail(run: TaskRun, _work: Any) -> None:
        await execute("UPDATE portico_task SET cancel_requested = TRUE WHERE id = $1", run.id)
        raise RuntimeError

    kinds.add("fail", fail)
    task_id = kinds.create("fail")
    row = kinds.until_status(task_id, "cancelled")
    assert row["tries"] == 1


def test_cancel_and_retry_follow_the_status(kinds: TaskKinds, user: Client) -> None:
    done = []

    async def once(_run: TaskRun, work: Any) -> None:
        done.append(work.label)
        if work.label == "bad" and len(done) == 1:
            raise RuntimeError

    owner = actor(user)
    kinds.add("once", once, max_tries=1)
    waiting = kinds.create("once", "late", user_id=owner.id, delay=3600)
    assert kinds.app.run(kinds.tasks.cancel, owner, waiting) is True
    assert kinds.app.run(kinds.tasks.cancel, owner, waiting) is True
    failed = kinds.create("once", "bad", user_id=owner.id)
    kinds.until_status(failed, "failed")
    with pytest.raises(InvalidRequest, match="has failed already"):
        kinds.app.run(kinds.tasks.cancel, owner, failed)
    kinds.app.run(kinds.tasks.retry, owner, failed)
    row = kinds.until_status(failed, "completed")
    assert (row["tries"], row["error"]) == (1, None)
    kinds.app.run(kinds.tasks.retry, owner, waiting)
    kinds.until_status(waiting, "completed")
    with pytest.raises(InvalidRequest, match="failed or was cancelled"):
        kinds.app.run(kinds.tasks.retry, owner, failed)
    assert done == ["bad", "bad", "late"]


@pytest.mark.case("AB-61")
def test_retry_does_not_exceed_the_tasks_of_an_account(
    app: InProcessApp, env: dict[str, str]
) -> None:
    limited = TaskKinds(InProcessApp(env | {"PORTICO_TASKS_MAX_PER_ACCOUNT": "1"}))
    try:
        ada = app.client.sign_up("Ada")
        limited.add("hang", Hanging().run)
        owner = actor(ada)
        ended = limited.create("hang", user_id=owner.id, delay=3600)
        limited.app.run(limited.tasks.cancel, owner, ended)
        waiting = limited.create("hang", user_id=owner.id, delay=3600)
        with pytest.raises(RateLimited):
            limited.app.run(limited.tasks.retry, owner, ended)
        limited.app.run(limited.tasks.cancel, owner, waiting)
        limited.app.run(limited.tasks.retry, owner, ended)
    finally:
        limited.app.close()


@pytest.mark.case("AB-60")
def test_users_see_and_change_their_own_tasks_only_and_administrators_all(
    kinds: TaskKinds, admin: Client, user: Client
) -> None:
    async def nothing(_run: TaskRun, _work: Any) -> None:
        """Nothing to do."""

    kinds.add("later", nothing)
    mine = [
        kinds.create("later", user_id=user.account["id"], item=f"chat-{number}", delay=3600)
        for number in range(3)
    ]
    foreign = kinds.create("later", user_id=admin.account["id"], delay=3600)
    server = kinds.create("later", delay=3600)
    owner, administrator = actor(user), actor(admin)
    for second, task_id in enumerate([*mine, foreign, server]):
        sql = "UPDATE portico_task SET created_at = $2 WHERE id = $1"
        kinds.app.run(execute, sql, task_id, float(second))

    def listed(by: Actor, **options: Any) -> list[str]:
        async def work() -> list[TaskInfo]:
            return list(await kinds.tasks.list(by, name="test:later", **options))

        return [one.id for one in kinds.app.run(work)]

    assert listed(owner) == mine[::-1]
    assert listed(owner, item="chat-1") == [mine[1]]
    assert listed(owner, limit=2) == [mine[2], mine[1]]
    assert listed(owner, limit=2, before=mine[1]) == [mine[0]]
    assert listed(owner, status="failed") == []
    assert listed(administrator) == [server, foreign, *mine[::-1]]
    for task_id in (foreign, server, "\x00"):
        for act in (kinds.tasks.find, kinds.tasks.cancel, kinds.tasks.retry):
            with pytest.raises(NotFound):
                kinds.app.run(act, owner, task_id)
    found = kinds.app.run(kinds.tasks.find, owner, mine[0])
    assert (found.status, found.item, found.tries) == ("pending", "chat-0", 0)
    assert kinds.app.run(kinds.tasks.cancel, administrator, mine[0]) is True
