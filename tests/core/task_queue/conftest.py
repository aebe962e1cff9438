"""A server and a worker in this process, on one PostgreSQL and one Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from portico.boot import Application
from portico.db import fetch_all
from portico.settings.load import load_settings
from portico.tasks import TaskRun, TaskType
from portico.testing import InProcessApp

Run = Callable[[TaskRun, Any], Awaitable[Any]]


class Work(msgspec.Struct):
    """The arguments of the tasks."""

    label: str = ""


class Cluster:
    """A server with a client's port, and workers; all on the loop of the server."""

    def __init__(self, app: InProcessApp, env: dict[str, str]) -> None:
        self.app, self.env = app, env
        self.workers: list[Application] = []
        self.types: dict[str, TaskType] = {}
        #: Try by try: the label, and the instance that ran it.
        self.ran: list[tuple[str, str]] = []

    @property
    def server(self) -> Application:
        return self.app.portico

    def start_worker(self) -> Application:
        loaded = load_settings(environ=self.env)
        worker = Application(loaded, loaded.settings.identity.secret_key, role="worker")

        async def start() -> None:
            await worker.start()
            await self.server.instance_channel.find_peers()

        self.app.run(start)
        self.workers.append(worker)
        self._register(worker)
        return worker

    def stop_workers(self) -> None:
        for worker in self.workers:
            self.app.run(worker.stop)
        self.workers = []

    def add(self, word: str, run: Run | None = None, **limits: Any) -> TaskType:
        """Register a type of task everywhere. By default it notes that it ran."""
        made = TaskType(f"test:{word}", Work, run or self.note, **({"backoff": 0.0} | limits))
        self.types[made.name] = made
        for application in (self.server, *self.workers):
            self._register(application)
        return made

    async def note(self, run: TaskRun, work: Work) -> None:
        async with run.completing():
            self.ran.append((work.label, run.claim.instance_id))

    def create(self, kind: TaskType, label: str = "", **options: Any) -> str:
        """Create a task at the server."""

        async def work() -> str:
            return await self.server.tasks.create(kind.name, Work(label), **options)

        return str(self.app.run(work))

    def row(self, task_id: str) -> dict[str, Any]:
        (row,) = self.app.run(fetch_all, "SELECT * FROM portico_task WHERE id = $1", task_id)
        return dict(row)

    def until(self, holds: Callable[[], Any], seconds: float = 20) -> None:
        """Wait until something holds on the loop of the server. Fails the test if it does not in time."""

        async def work() -> None:
            async with asyncio.timeout(seconds):
                while not holds():
                    await asyncio.sleep(0.01)

        self.app.run(work)

    def until_status(self, task_id: str, status: str) -> dict[str, Any]:
        """Wait until a task has this status, and return its row."""

        async def work() -> dict[str, Any]:
            async with asyncio.timeout(20):
                while True:
                    (row,) = await fetch_all("SELECT * FROM portico_task WHERE id = $1", task_id)
                    if row["status"] == status:
                        return dict(row)
                    await asyncio.sleep(0.02)

        found: dict[str, Any] = self.app.run(work)
        return found

    def _register(self, application: Application) -> None:
        application.tasks.set_types([*application.task_types, *self.types.values()])


@pytest.fixture
def env(env: dict[str, str], shared_redis: str, tmp_path: Path) -> dict[str, str]:
    return env | {"REDIS_URL": shared_redis, "REDIS_KEY_PREFIX": f"test-{tmp_path.name}"}


@pytest.fixture
def processes(app: InProcessApp, env: dict[str, str]) -> Iterator[Cluster]:
    """A server, and a worker for each `start_worker()`."""
    made = Cluster(app, env)
    yield made
    made.stop_workers()


@pytest.fixture
def only_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers take nothing from the database while Redis answers."""
    monkeypatch.setattr("portico.task_queue.consumer.SWEEP_AFTER_SECONDS", 3600.0)
