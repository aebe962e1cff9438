"""Tasks run after the commit that created them, and their row says what became of them."""

from typing import Any

import msgspec
import pytest

from portico.db import ForeignKeyViolation, execute, transaction
from portico.errors import RateLimited
from portico.tasks import TaskRun
from portico.testing import Client, InProcessApp


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_TASKS_MAX_PER_ACCOUNT": "3"}


async def nothing(_run: TaskRun, _work: Any) -> None:
    """A task without an effect."""


def test_task_runs_once_and_keeps_its_result(kinds: Any) -> None:
    seen = []

    async def run(run: TaskRun, work: Any) -> dict[str, str]:
        seen.append((run.tries, run.item, work.label))
        return {"said": work.label}

    kinds.add("say", run)
    task_id = kinds.create("say", "hello", item="chat-1")
    kinds.run_due()
    row = kinds.row(task_id)
    assert seen == [(1, "chat-1", "hello")]
    assert (row["status"], row["result"], row["error"]) == ("completed", '{"said":"hello"}', None)


def test_created_task_runs_without_being_asked_for(kinds: Any) -> None:
    kinds.add("nothing", nothing)
    kinds.until_status(kinds.create("nothing"), "completed")


def test_task_of_a_rolled_back_transaction_does_not_exist(app: InProcessApp, kinds: Any) -> None:
    kinds.add("nothing", nothing)

    async def work() -> int:
        with pytest.raises(RuntimeError, match="rolled back"):
            async with transaction():
                await app.portico.tasks.create("test:nothing")
                raise RuntimeError("rolled back")
        return await app.portico.tasks.run_due()

    assert app.run(work) == 0
    assert kinds.rows("name = 'test:nothing'") == []


def test_task_does_not_run_before_the_commit_that_creates_it(app: InProcessApp, kinds: Any) -> None:
    seen = []

    async def look(_run: TaskRun, _work: Any) -> None:
        seen.append("ran")

    kinds.add("look", look)

    async def work() -> str:
        async with transaction():
            task_id = await app.portico.tasks.create("test:look")
            seen.append("created")
        return task_id

    kinds.until_status(app.run(work), "completed")
    assert seen == ["created", "ran"]


def test_task_is_delivered_after_its_commit_only(app: InProcessApp, kinds: Any) -> None:
    delivered: list[tuple[str, int, float]] = []

    class Recorder:
        def deliver(self, task_id: str, claims: int, delay: float) -> None:
            delivered.append((task_id, claims, delay))

    kinds.add("nothing", nothing)
    kinds.tasks.delivery = Recorder()

    async def work() -> str:
        async with transaction():
            task_id: str = await kinds.tasks.create("test:nothing")
            assert delivered == []
        return task_id

    task_id = app.run(work)
    assert delivered == [(task_id, 0, 0.0)]
    kinds.create("nothing", key="one", delay=60)
    kinds.create("nothing", key="one", delay=60)
    assert len(delivered) == 2


def test_writes_of_completing_and_the_completion_are_one_transaction(kinds: Any) -> None:
    async def run(run: TaskRun, _work: Any) -> None:
        async with run.completing({"n": 1}):
            await execute("UPDATE portico_task SET item = item || 'x' WHERE id = $1", run.id)
            if run.tries == 1:
                raise RuntimeError

    kinds.add("write", run)
    task_id = kinds.create("write")
    kinds.run_due()
    row = kinds.row(task_id)
    assert (row["status"], row["item"], row["tries"]) == ("completed", "x", 2)
    assert row["result"] == '{"n":1}'


def test_idempotency_key_is_the_same_for_every_try_and_differs_between_tasks(kinds: Any) -> None:
    keys: dict[str, set[str]] = {}

    async def run(run: TaskRun, _work: Any) -> None:
        keys.setdefault(run.id, set()).add(run.idempotency_key)
        if run.tries < 3:
            raise RuntimeError

    kinds.add("send", run)
    created = {kinds.create("send"), kinds.create("send")}
    kinds.run_due()
    assert keys.keys() == created
    first, second = keys.values()
    assert len(first) == len(second) == 1
    assert first != second


def test_pending_task_with_the_same_key_is_not_created_twice(kinds: Any) -> None:
    kinds.add("later", nothing)
    first = kinds.create("later", key="chat-1", delay=3600)
    assert kinds.create("later", key="chat-1", delay=3600) == first
    assert kinds.create("later", key="chat-2", delay=3600) != first
    assert len(kinds.rows("name = 'test:later'")) == 2


def test_task_with_the_key_of_one_that_failed_once_is_run_beside_it(kinds: Any) -> None:
    async def fail_at_first(run: TaskRun, _work: Any) -> None:
        if run.tries == 1:
            await kinds.tasks.create("test:again", key="one")
            raise RuntimeError

    kinds.add("again", fail_at_first, backoff=0.0, max_tries=3)
    task_id = kinds.create("again", key="one")
    kinds.until_status(task_id, "completed")
    assert len(kinds.rows("name = 'test:again'")) >= 2


def test_delayed_task_waits(kinds: Any) -> None:
    kinds.add("later", nothing)
    task_id = kinds.create("later", delay=3600)
    kinds.run_due()
    assert kinds.row(task_id)["status"] == "pending"


@pytest.mark.case("AB-61")
def test_account_with_too_many_tasks_is_refused_and_others_are_not(
    kinds: Any, admin: Client, user: Client
) -> None:
    kinds.add("later", nothing)
    for _ in range(3):
        kinds.create("later", user_id=user.account["id"], delay=3600)
    with pytest.raises(RateLimited, match="too many tasks") as refusal:
        kinds.create("later", user_id=user.account["id"], delay=3600)
    assert refusal.value.retry_after > 0
    kinds.create("later", user_id=admin.account["id"], delay=3600)
    kinds.create("later", delay=3600)


def test_unknown_name_wrong_arguments_and_unknown_account_are_refused(kinds: Any) -> None:
    class Other(msgspec.Struct):
        x: int = 0

    kinds.add("later", nothing)
    with pytest.raises(LookupError, match="no task type 'test:unknown'"):
        kinds.create("unknown")
    with pytest.raises(TypeError, match="arguments of type Work, not Other"):
        kinds.app.run(kinds.tasks.create, "test:later", Other())
    with pytest.raises(ValueError, match="bytes as JSON"):
        kinds.create("later", "x" * 70_000)
    with pytest.raises(ForeignKeyViolation):
        kinds.create("later", user_id="no-such-account")
    assert kinds.rows("name = 'test:later'") == []
