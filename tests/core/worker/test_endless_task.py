"""A worker ends although a task does not."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.worker.test_process import env, migrated, run_sql, worker  # noqa: F401 - fixtures

from portico.testing import WorkerProcess

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
PLUGIN = """
    import asyncio
    import time
    from portico.api import PluginInfo, hookimpl
    from portico.api.tasks import NoArguments, TaskType

    PLUGIN = PluginInfo(api_version=1, summary="Has a task that cannot be cancelled.")

    async def endless(run, _):
        while True:
            try:
                WAITING
            except asyncio.CancelledError:
                continue

    @hookimpl
    def register_tasks():
        return [TaskType("endless:run", NoArguments, endless, every=1.0, time_limit=600.0)]
"""


RUNNING = "SELECT 1 FROM portico_task WHERE name = 'endless:run' AND status = 'running'"


@pytest.mark.slow
@pytest.mark.parametrize(
    "waiting", ["await asyncio.sleep(60)", "await asyncio.to_thread(time.sleep, 60)"]
)
def test_worker_stops_although_a_task_ignores_that_it_is_cancelled(
    waiting: str,
    worker: WorkerProcess,  # noqa: F811
    env: dict[str, str],  # noqa: F811
    install: Callable[..., None],
    tmp_path: Path,
) -> None:
    install("endless", PLUGIN.replace("WAITING", waiting))
    worker.environment["PYTHONPATH"] = str(tmp_path / "site")
    worker.environment["PORTICO_WORKER_SHUTDOWN_TIMEOUT"] = "0.1"
    worker.start()
    deadline = time.monotonic() + 30
    while not run_sql(env, RUNNING):
        assert time.monotonic() < deadline, "the task is not started"
        time.sleep(0.1)
    assert worker.stop() == 0
