"""A task that fails, hangs or breaks is tried again and then fails with a reason; the other tasks go on."""

import asyncio
import sys
import time
from typing import Any

import pytest

from portico.db import execute
from portico.errors import Forbidden, Unavailable
from portico.tasks import TaskFailed, TaskRun, TaskType, store
from portico.tasks.executor import MAX_BACKOFF_SECONDS, backoff_seconds


async def raise_error(_run: TaskRun, _work: Any) -> None:
    raise RuntimeError("a secret")


async def exit_process(_run: TaskRun, _work: Any) -> None:
    sys.exit(3)


async def use_all_memory(_run: TaskRun, _work: Any) -> None:
    raise MemoryError


async def cancel_itself(_run: TaskRun, _work: Any) -> None:
    raise asyncio.CancelledError


async def refuse(_run: TaskRun, _work: Any) -> None:
    raise Forbidden("You may not do this.")


async def hang(_run: TaskRun, _work: Any) -> None:
    await asyncio.Event().wait()


async def return_object(_run: TaskRun, _work: Any) -> object:
    return object()


@pytest.mark.case("FT-26")
@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (raise_error, "RuntimeError (test_failures.py:"),
        (exit_process, "SystemExit (test_failures.py:"),
        (use_all_memory, "MemoryError (test_failures.py:"),
        (cancel_itself, "It cancelled itself."),
        (refuse, "You may not do this."),
        (hang, "It took longer than 0.05 s."),
    ],
)
def test_failing_task_is_tried_and_then_fails_with_its_reason(
    run: Any, reason: str, kinds: Any
) -> None:
    kinds.add("bad", run, max_tries=2, time_limit=0.05 if run is hang else 60.0)
    done = []

    async def note(_run: TaskRun, work: Any) -> None:
        done.append(work.label)

    kinds.add("good", note)
    bad = kinds.create("bad")
    kinds.create("good", "after")
    kinds.run_due()
    row = kinds.row(bad)
    assert (row["status"], row["tries"]) == ("failed", 2)
    assert row["error"].startswith(reason)
    assert "secret" not in row["error"]
    assert done == ["after"]
    kinds.create("good", "later")
    kinds.run_due()
    assert done == ["after", "later"]


def test_failure_that_is_final_is_not_tried_again(kinds: Any) -> None:
    async def give_up(_run: TaskRun, _work: Any) -> None:
        raise TaskFailed("The chat is\x00 empty.")

    kinds.add("bad", give_up)
    task_id = kinds.create("bad")
    kinds.run_due()
    row = kinds.row(task_id)
    assert (row["status"], row["tries"], row["error"]) == ("failed", 1, "The chat is empty.")


def test_result_without_json_form_fails_the_task(kinds: Any) -> None:
    kinds.add("bad", return_object)
    task_id = kinds.create("bad")
    kinds.run_due()
    assert "has no JSON form" in kinds.row(task_id)["error"]


def test_arguments_of_another_release_fail_the_task(kinds: Any) -> None:
    kinds.add("bad", raise_error)
    task_id = kinds.create("bad", delay=3600)
    sql = "UPDATE portico_task SET arguments = '{\"label\": 7}', run_at = 0 WHERE id = $1"
    kinds.app.run(execute, sql, task_id)
    kinds.run_due()
    row = kinds.row(task_id)
    assert row["status"] == "failed"
    assert "arguments" in row["error"]


def test_outage_of_the_database_does_not_count_as_a_try(kinds: Any) -> None:
    calls = []

    async def run(run: TaskRun, _work: Any) -> None:
        calls.append(run.tries)
        if len(calls) < 4:
            raise Unavailable

    kinds.add("needs", run, max_tries=1)
    task_id = kinds.create("needs")
    for _ in range(3):
        kinds.run_due()
        kinds.app.run(execute, "UPDATE portico_task SET run_at = 0 WHERE id = $1", task_id)
    kinds.run_due()
    assert kinds.row(task_id)["status"] == "completed"
    assert calls == [1, 1, 1, 1]


def test_task_that_finds_something_unavailable_for_ever_fails(
    kinds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.tasks.executor.MAX_UNCOUNTED", 3)

    async def run(_run: TaskRun, _work: Any) -> None:
        raise Unavailable("The other service is gone.")

    kinds.add("never", run, max_tries=2)
    task_id = kinds.create("never")
    for _ in range(5):
        kinds.run_due()
        kinds.app.run(execute, "UPDATE portico_task SET run_at = 0 WHERE id = $1", task_id)
    row = kinds.row(task_id)
    assert (row["status"], row["error"]) == ("failed", "The other service is gone.")


def test_task_that_ignores_its_cancellation_is_abandoned_and_changes_nothing(
    kinds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.tasks.executor.GRACE_SECONDS", 0.05)
    may_end = asyncio.Event()
    outcomes = []

    async def stubborn(run: TaskRun, _work: Any) -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue
        try:
            async with run.completing():
                outcomes.append("wrote")
        except Exception as error:
            outcomes.append(type(error).__name__)
            raise

    kinds.add("stubborn", stubborn, max_tries=1, time_limit=0.05)
    task_id = kinds.create("stubborn")
    row = kinds.until_status(task_id, "failed")
    assert row["error"] == "It took longer than 0.05 s."

    async def release() -> None:
        may_end.set()

    kinds.app.run(release)
    kinds.until(lambda: outcomes == ["TaskLost"])
    assert kinds.row(task_id)["status"] == "failed"


def test_task_that_blocks_the_process_does_not_end_the_others(kinds: Any) -> None:
    async def block(_run: TaskRun, _work: Any) -> None:
        time.sleep(0.3)
        await asyncio.sleep(0)

    async def nothing(_run: TaskRun, _work: Any) -> None:
        """Nothing to do."""

    kinds.add("block", block, max_tries=1, time_limit=0.05)
    kinds.add("good", nothing)
    blocking, good = kinds.create("block"), kinds.create("good")
    kinds.run_due()
    assert kinds.row(good)["status"] == "completed"
    assert kinds.row(blocking)["status"] in {"completed", "failed"}


def test_tries_wait_twice_as_long_each_time_up_to_ten_minutes() -> None:
    async def nothing(_run: TaskRun, _work: Any) -> None:
        """Nothing to do."""

    from portico.tasks import NoArguments

    kind = TaskType("test:x", NoArguments, nothing, backoff=2.0)
    waits = [backoff_seconds(kind, tries) for tries in range(1, 40)]
    assert all(1.5 * 2**n <= waits[n] <= 2 * 2**n for n in range(8))
    assert max(waits) <= MAX_BACKOFF_SECONDS


def test_end_that_cannot_be_written_counts_as_a_try(
    kinds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = store.finish
    calls = 0

    async def fail_at_first(*values: Any, **named: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError
        return await written(*values, **named)

    async def nothing(_run: TaskRun, _work: Any) -> None:
        """Nothing to do."""

    monkeypatch.setattr("portico.tasks.store.finish", fail_at_first)
    kinds.add("nothing", nothing, max_tries=1)
    task_id = kinds.create("nothing")
    kinds.run_due()
    assert kinds.row(task_id)["status"] == "running"
    kinds.app.run(kinds.tasks.runner._check_own_tasks)
    row = kinds.row(task_id)
    assert (row["status"], row["error"]) == ("failed", "Its process ended unexpectedly.")
