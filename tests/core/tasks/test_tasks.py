"""Tasks run after the commit that created them, and their row says what became of them."""

from typing import Any

import pytest

from portico.db import execute, fetch_all, transaction
from portico.tasks import TaskRun
from portico.testing import InProcessApp


async def rows(app: InProcessApp, name: str) -> list[dict[str, Any]]:
    return await fetch_all("SELECT * FROM portico_task WHERE name = $1 ORDER BY created_at", name)


def test_task_runs_once_and_keeps_its_result(app: InProcessApp, kinds: Any) -> None:
    seen = []

    async def run(run: TaskRun, work: Any) -> dict[str, str]:
        seen.append((run.tries, run.item, work.label))
        return {"said": work.label}

    kind = kinds.add("say", run)

    async def work() -> list[dict[str, Any]]:
        await app.portico.tasks.create(kind.name, kind.arguments("hello"), item="chat-1")
        await app.portico.tasks.run_due()
        return await rows(app, kind.name)

    (row,) = app.run(work)
    assert seen == [(1, "chat-1", "hello")]
    assert (row["status"], row["result"], row["error"]) == ("completed", '{"said":"hello"}', None)


def test_task_of_a_rolled_back_transaction_does_not_exist(app: InProcessApp, kinds: Any) -> None:
    async def run(run: TaskRun, work: Any) -> None:
        raise AssertionError

    kind = kinds.add("never", run)

    async def work() -> list[dict[str, Any]]:
        with pytest.raises(RuntimeError, match="rolled back"):
            async with transaction():
                await app.portico.tasks.create(kind.name)
                raise RuntimeError("rolled back")
        assert await app.portico.tasks.run_due() == 0
        return await rows(app, kind.name)

    assert app.run(work) == []


def test_writes_of_completing_and_the_completion_are_one_transaction(
    app: InProcessApp, kinds: Any
) -> None:
    async def run(run: TaskRun, work: Any) -> None:
        async with run.completing():
            await execute("UPDATE portico_task SET item = item || 'x' WHERE id = $1", run.id)
            if run.tries == 1:
                raise RuntimeError

    kind = kinds.add("write", run)

    async def work() -> list[dict[str, Any]]:
        await app.portico.tasks.create(kind.name)
        await app.portico.tasks.run_due()
        return await rows(app, kind.name)

    (row,) = app.run(work)
    assert (row["status"], row["item"], row["tries"]) == ("completed", "x", 2)
