"""A trace goes on in a process of its own: a worker runs a task, and a collector gets the spans of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.otlp_receiver import OTLPReceiver
from tests.redis_server import RedisServer

from portico.testing import InProcessApp, WorkerProcess


@pytest.fixture
def collector() -> Iterator[OTLPReceiver]:
    with OTLPReceiver() as receiver:
        yield receiver


@pytest.fixture
def env(env: dict[str, str], collector: OTLPReceiver, redis: RedisServer) -> dict[str, str]:
    return env | {
        "REDIS_URL": redis.url,
        "ENABLE_OTEL": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "20",
    }


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_task_that_a_worker_runs_belongs_to_the_trace_that_created_it(
    creating_app: InProcessApp,
    env: dict[str, str],
    effects: dict[str, str],
    tmp_path: Path,
    collector: OTLPReceiver,
) -> None:
    app = creating_app

    async def create() -> str:
        tasks = app.portico.tasks
        with app.portico.tracing.begin("request", "internal") as span:
            await tasks.create("effects:write", tasks.types["effects:write"].arguments())
            return span.traceparent

    begun = app.run(create)
    worker = WorkerProcess(env | effects, tmp_path).start()
    try:
        [task, commit] = collector.wait_for("task effects:write", "COMMIT")
    finally:
        worker.kill()
    assert (task.trace, task.parent) == (begun[3:35], begun[36:52])
    assert task.instance != app.portico.instance_channel.instance_id
    assert commit.trace == task.trace and not task.is_error
