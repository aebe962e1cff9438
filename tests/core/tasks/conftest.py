"""Kinds of tasks for tests, registered in a running application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from portico.db import fetch_all
from portico.tasks import TaskRun, TaskType
from portico.testing import InProcessApp


class Work(msgspec.Struct):
    """The arguments of these tasks."""

    label: str = ""


class TaskKinds:
    """Registers kinds of tasks in an application, creates and awaits them. Their names begin with `test:`."""

    def __init__(self, app: InProcessApp) -> None:
        self.app, self.tasks = app, app.portico.tasks
        self.types: dict[str, TaskType] = dict(self.tasks.types)

    def add(
        self, word: str, run: Callable[[TaskRun, Work], Awaitable[Any]], **limits: Any
    ) -> TaskType:
        """Register a kind of task that is tried again at once."""
        made = TaskType(f"test:{word}", Work, run, **({"backoff": 0.0} | limits))
        self.types[made.name] = made
        self.tasks.set_types(list(self.types.values()))
        return made

    def remove(self, word: str) -> None:
        """Forget a kind of task, as if its plugin were not loaded."""
        del self.types[f"test:{word}"]
        self.tasks.set_types(list(self.types.values()))

    def create(self, word: str, label: str = "", **values: Any) -> str:
        """Create a task and return its id."""
        name = f"test:{word}"

        async def work() -> str:
            return await self.tasks.create(name, Work(label), **values)

        created: str = self.app.run(work)
        return created

    def run_due(self) -> None:
        """Run what is due, to its end."""
        self.app.run(self.tasks.run_due)

    def sweep(self) -> None:
        """Have the runner look for what there is to do now."""
        self.app.run(self.tasks.runner.sweep)

    async def find(self, task_id: str) -> dict[str, Any]:
        """Return the row of a task, on the loop of the application."""
        (row,) = await fetch_all("SELECT * FROM portico_task WHERE id = $1", task_id)
        return row

    def row(self, task_id: str) -> dict[str, Any]:
        """Return the row of a task."""
        found: dict[str, Any] = self.app.run(self.find, task_id)
        return found

    def rows(self, where: str, *values: Any) -> list[dict[str, Any]]:
        """Return the rows of tasks, in the order in which they were created."""
        sql = f"SELECT * FROM portico_task WHERE {where} ORDER BY created_at, id"
        found: list[dict[str, Any]] = self.app.run(fetch_all, sql, *values)
        return found

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds."""

        async def wait() -> None:
            async with asyncio.timeout(20):
                while not holds():
                    await asyncio.sleep(0.02)

        self.app.run(wait)

    def until_status(self, task_id: str, status: str) -> dict[str, Any]:
        """Wait until a task has a status, and return its row."""

        async def wait() -> dict[str, Any]:
            async with asyncio.timeout(20):
                while True:
                    row = await self.find(task_id)
                    if row["status"] == status:
                        return row
                    await asyncio.sleep(0.02)

        row: dict[str, Any] = self.app.run(wait)
        return row


@pytest.fixture
def kinds(app: InProcessApp) -> TaskKinds:
    """Registers kinds of tasks in `app`."""
    return TaskKinds(app)
