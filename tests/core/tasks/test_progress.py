"""Progress of tasks reaches their rows, and the sockets of their owners."""

import asyncio
from typing import Any

from tests.core.tasks.conftest import TaskKinds

from portico.tasks import TaskRun
from portico.testing import Client


def test_progress_reaches_the_owner_and_the_row_but_no_other_account(
    kinds: TaskKinds, admin: Client, user: Client
) -> None:
    may_end = asyncio.Event()

    async def count(run: TaskRun, _work: Any) -> None:
        await run.report(1, 10, "first\x00")
        for number in range(2, 8):
            await run.report(number, 10, "more")
        await may_end.wait()

    async def release() -> None:
        may_end.set()

    kinds.add("count", count)
    with user.connect_socket() as own, admin.connect_socket() as foreign:
        task_id = kinds.create("count", item="chat-1", user_id=user.account["id"])
        event = own.wait_for("task", lambda data: data["progress"]["done"] == 7)
        assert event == {
            "id": task_id,
            "name": "test:count",
            "item": "chat-1",
            "status": "running",
            "progress": {"done": 7, "total": 10, "text": "more"},
        }

        async def written() -> None:
            async with asyncio.timeout(20):
                while (await kinds.find(task_id))["progress_done"] != 7:
                    await asyncio.sleep(0.02)

        kinds.app.run(written)
        kinds.app.run(release)
        ended = own.wait_for("task", lambda data: data["status"] == "completed")
        assert ended["progress"]["done"] == 7
        assert not [name for name, _ in foreign.events() if name == "task"]


def test_end_of_a_task_writes_its_last_progress(kinds: TaskKinds) -> None:
    async def count(run: TaskRun, work: Any) -> None:
        for number in range(1, 4):
            await run.report(number, 3)
        if work.label == "completing":
            async with run.completing():
                pass

    kinds.add("count", count)
    for label in ("", "completing"):
        row = kinds.until_status(kinds.create("count", label), "completed")
        assert (row["progress_done"], row["progress_total"]) == (3, 3)
