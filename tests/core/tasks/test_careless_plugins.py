"""What plugins do wrong in their tasks harms neither the queue nor the shutdown."""

import asyncio
from typing import Any

import pytest

from portico.db import fetch_one, transaction
from portico.tasks import TaskRun, cancellation


async def roll_back_around_completing(run: TaskRun, _work: Any) -> None:
    async with transaction():
        async with run.completing():
            pass
        raise ValueError


async def complete_within_completing(run: TaskRun, _work: Any) -> None:
    async with run.completing(), run.completing():
        pass


@pytest.mark.case("FT-26")
@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (roll_back_around_completing, "ValueError (test_careless_plugins.py:"),
        (complete_within_completing, "RuntimeError (task_run.py:"),
    ],
)
def test_completion_that_is_rolled_back_counts_as_a_try(run: Any, reason: str, kinds: Any) -> None:
    kinds.add("bad", run, max_tries=2)
    task_id = kinds.create("bad")
    kinds.run_due()
    row = kinds.row(task_id)
    assert (row["status"], row["tries"]) == ("failed", 2)
    assert row["error"].startswith(reason)


@pytest.mark.parametrize(
    ("reported", "stored"),
    [((0.5, 1), (0, 1)), ((10**30, float("inf")), (2**53 - 1,) * 2), ((-1, -5), (0, 0))],
    ids=str,
)
def test_progress_of_any_number_is_stored(
    reported: tuple[Any, Any], stored: tuple[int, int], kinds: Any
) -> None:
    async def run(run: TaskRun, _work: Any) -> None:
        await run.report(*reported)
        async with run.completing():
            pass

    kinds.add("progress", run)
    task_id = kinds.create("progress")
    kinds.run_due()
    row = kinds.row(task_id)
    assert (row["status"], row["tries"]) == ("completed", 1)
    found = (row["progress_done"], row["progress_total"])
    assert found == stored
    assert all(isinstance(number, int) for number in found)


@pytest.mark.parametrize("first", ["running", "pending"])
def test_cancelling_ends_a_task_whose_state_changes_meanwhile(
    first: str, kinds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = asyncio.Event()

    async def run(_run: TaskRun, _work: Any) -> None:
        await fails.wait()
        raise ValueError

    kinds.add("bad", run, backoff=600.0)
    if first == "pending":
        monkeypatch.setattr(kinds.tasks.runner, "may_claim", lambda: False)
    task_id = kinds.create("bad")
    if first == "running":
        kinds.until_status(task_id, "running")
    execute = cancellation.execute

    async def execute_and_change(sql: str, *values: Any) -> int:
        """Have the task run, or its try fail, after a statement that has not found it."""
        changed = await execute(sql, *values)
        if not changed and await _status(task_id) == first:
            fails.set() if first == "running" else await kinds.tasks.runner.claim()
            while await _status(task_id) == first:
                await asyncio.sleep(0.01)
        return changed

    monkeypatch.setattr(cancellation, "execute", execute_and_change)
    assert kinds.app.run(kinds.tasks._cancellation.cancel, task_id)
    assert kinds.row(task_id)["status"] == "cancelled"


def test_shutdown_does_not_wait_for_a_task_that_was_cancelled_meanwhile(kinds: Any) -> None:
    ends = asyncio.Event()

    async def wait(_run: TaskRun, _work: Any) -> None:
        await ends.wait()

    async def hang(_run: TaskRun, _work: Any) -> None:
        await asyncio.Event().wait()

    kinds.add("wait", wait)
    kinds.add("hang", hang)
    ids = [kinds.create("wait"), kinds.create("hang")]
    for task_id in ids:
        kinds.until_status(task_id, "running")

    async def finish() -> bool:
        # It waits for the first one while the second one ends.
        finishing = asyncio.create_task(kinds.tasks.runner.finish(20.0))
        assert await kinds.tasks._cancellation.cancel(ids[1])
        ends.set()
        return await finishing

    assert kinds.app.run(finish)


async def _status(task_id: str) -> str:
    row = await fetch_one("SELECT status FROM portico_task WHERE id = $1", task_id)
    assert row is not None
    return str(row["status"])
