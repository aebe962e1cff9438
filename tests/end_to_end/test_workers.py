"""Worker processes run tasks once, whatever is killed or away, and give back what they cannot finish."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.postgres_proxy import PostgresProxy
from tests.redis_server import RedisServer
from tests.task_kills import (
    create_effect,
    create_effects,
    effects_of,
    kill_at_random,
    tasks_left,
)

from portico.db import fetch_all
from portico.testing import InProcessApp, WorkerProcess

TASKS = 30
Workers = Callable[..., WorkerProcess]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("database_url", ["postgres"], indirect=True),
]


@pytest.fixture
def env(env: dict[str, str], redis: RedisServer) -> dict[str, str]:
    return env | {"REDIS_URL": redis.url}


@pytest.fixture
def app(creating_app: InProcessApp) -> InProcessApp:
    return creating_app


@pytest.fixture
def workers(
    app: InProcessApp, env: dict[str, str], effects: dict[str, str], tmp_path: Path
) -> Iterator[Workers]:
    """`workers()` starts a worker; `workers(NAME="value")` one with other settings."""
    made: list[WorkerProcess] = []

    def start(**settings: str) -> WorkerProcess:
        directory = tmp_path / f"worker-{len(made)}"
        directory.mkdir()
        made.append(WorkerProcess(env | effects | settings, directory).start())
        app.run(app.portico.instance_channel.find_peers)
        return made[-1]

    yield start
    for worker in made:
        worker.kill()


def until_none_is_left(app: InProcessApp) -> None:
    while tasks_left(app):
        time.sleep(0.05)


@pytest.mark.case("FT-24")
def test_each_effect_happens_once_while_workers_are_killed(
    app: InProcessApp, workers: Workers
) -> None:
    running = [workers(), workers()]
    created = create_effects(app, TASKS, seconds=0.4)
    assert kill_at_random(app, running, kills=2, seconds=0.3) > 0
    assert effects_of(app) == dict.fromkeys(created, 1)


@pytest.mark.case("FT-10")
def test_each_effect_happens_once_while_the_database_is_away(
    app: InProcessApp, workers: Workers, env: dict[str, str]
) -> None:
    with PostgresProxy(env["DATABASE_URL"]) as proxy:
        worker = workers(DATABASE_URL=proxy.url)
        created = create_effects(app, TASKS, seconds=0.6)
        for _ in range(2):
            seen = len(effects_of(app))
            while len(effects_of(app)) == seen:
                time.sleep(0.02)
            proxy.refuse()
            time.sleep(0.3)
            proxy.accept()
        until_none_is_left(app)
        assert effects_of(app) == dict.fromkeys(created, 1)
        assert worker.process is not None
        assert worker.process.poll() is None
        worker.kill()


@pytest.mark.case("FT-26")
def test_task_that_blocks_its_worker_is_named(app: InProcessApp, workers: Workers) -> None:
    worker = workers(PORTICO_SERVER_LOOP_LIMIT="0.2")
    create_effect(app, "effects:block", seconds=1.0)
    until_none_is_left(app)
    (line,) = [one for one in worker.log_text.splitlines() if "event loop blocked" in one]
    assert '"plugin": "effects"' in line


def test_stopped_worker_finishes_short_tasks_and_gives_back_long_ones(
    app: InProcessApp, workers: Workers
) -> None:
    worker = workers(PORTICO_WORKER_SHUTDOWN_TIMEOUT="2", PORTICO_WORKER_CONCURRENCY="2")
    short = create_effect(app, seconds=0.5)
    long = create_effect(app, "effects:endless")
    waiting = create_effect(app, "effects:endless")

    def status(task_id: str) -> tuple[str, int]:
        (row,) = app.run(fetch_all, "SELECT status, tries FROM portico_task WHERE id = $1", task_id)
        return row["status"], row["tries"]

    while "pending" in (status(short)[0], status(long)[0]):
        time.sleep(0.02)
    assert worker.stop() == 0
    assert status(short) == ("completed", 1)
    assert status(long) == status(waiting) == ("pending", 0)
    workers()
    while (status(long), status(waiting)) != (("running", 1), ("running", 1)):
        time.sleep(0.02)
