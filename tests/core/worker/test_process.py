"""The worker process: what it refuses, that it is alive, and how it stops."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.database_templates import Templates
from tests.redis_server import RedisServer

from portico.boot import Application
from portico.db import execute, fetch_all, open_database
from portico.db.database import Row
from portico.settings.load import load_settings
from portico.testing import CommandLine, WorkerProcess

#: A worker needs PostgreSQL.
pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
def env(env: dict[str, str], shared_redis: str, tmp_path: Path) -> dict[str, str]:
    return env | {"REDIS_URL": shared_redis, "REDIS_KEY_PREFIX": f"test-{tmp_path.name}"}


@pytest.fixture
def migrated(env: dict[str, str], templates: Templates, database_url: str) -> None:
    """The schema is complete before the worker starts."""
    loaded = load_settings(environ=env)
    templates.create(database_url, Path(loaded.settings.data_dir), Application(loaded).table_sets)


@pytest.fixture
def worker(env: dict[str, str], tmp_path: Path, migrated: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess(env, tmp_path)
    yield process
    process.kill()


def run_sql(env: dict[str, str], sql: str, *values: object) -> list[Row]:
    async def work() -> list[Row]:
        settings = load_settings(environ=env).settings
        database = open_database(settings.database, Path(settings.data_dir))
        await database.start()
        try:
            with database.use():
                if sql.startswith("SELECT"):
                    return await fetch_all(sql, *values)
                await execute(sql, *values)
                return []
        finally:
            await database.stop()

    return asyncio.run(work())


def refusal(cli: CommandLine, **settings: str) -> str:
    """Return the sentence with which a worker refuses these settings."""
    done = cli("worker", code=2, settings=settings)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.endswith(".")
    assert line.count(". ") == 0
    return line


def test_worker_without_redis_is_refused(cli: CommandLine) -> None:
    assert "set REDIS_URL" in refusal(cli, REDIS_URL="")


def test_worker_on_sqlite_is_refused(cli: CommandLine) -> None:
    assert "database is SQLite" in refusal(cli, DATABASE_URL="")


def test_worker_is_refused_where_only_servers_run_tasks(cli: CommandLine) -> None:
    assert "tasks.runner = server" in refusal(cli, PORTICO_TASKS_RUNNER="server")


def test_worker_does_not_migrate(cli: CommandLine, env: dict[str, str]) -> None:
    assert "run `portico migrate` first" in refusal(cli)
    assert not run_sql(env, "SELECT 1 FROM pg_tables WHERE tablename = 'portico_account'")


@pytest.mark.usefixtures("migrated")
def test_worker_refuses_the_schema_of_a_newer_release(
    cli: CommandLine, env: dict[str, str]
) -> None:
    run_sql(env, "INSERT INTO portico_migration VALUES ('identity', '0099_future', 1)")
    assert "a newer release has changed the schema" in refusal(cli)


@pytest.mark.usefixtures("migrated")
def test_worker_refuses_another_secret_key(cli: CommandLine, env: dict[str, str]) -> None:
    run_sql(env, "INSERT INTO portico_secret (id, fingerprint) VALUES (1, 'another')")
    assert "WEBUI_SECRET_KEY" in refusal(cli)
    assert run_sql(env, "SELECT 1 FROM portico_instance") == []


@pytest.mark.slow
def test_worker_is_found_by_the_health_command_until_it_stops(
    worker: WorkerProcess, cli: CommandLine, env: dict[str, str]
) -> None:
    assert "No worker of this host runs" in cli("health", "--worker", code=1).stderr
    worker.start("--concurrency", "3")
    assert "3 tasks at the same time" in worker.log_text
    assert run_sql(env, "SELECT role FROM portico_instance") == [{"role": "worker"}]
    assert "worker" in cli.process("health", "--worker").stdout
    assert worker.stop() == 0
    assert "No worker of this host runs" in cli("health", "--worker", code=1).stderr
    assert run_sql(env, "SELECT role FROM portico_instance") == []
    assert "Traceback" not in worker.log_text


@pytest.mark.slow
def test_killed_or_stunned_worker_is_not_healthy(
    worker: WorkerProcess, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.start()
    assert worker.process is not None
    monkeypatch.setattr("portico.worker.status.ANSWER_SECONDS", 0.3)
    worker.process.send_signal(signal.SIGSTOP)
    sentence = cli("health", "--worker", code=1).stderr
    assert sentence == f"The worker with process id {worker.process.pid} does not answer.\n"
    worker.kill()
    assert "No worker of this host runs" in cli("health", "--worker", code=1).stderr


@pytest.mark.slow
@pytest.mark.case("FT-07")
def test_worker_starts_without_redis_that_is_required_and_waits_for_it(
    worker: WorkerProcess, redis: RedisServer
) -> None:
    redis.stop()
    worker.environment |= {"REDIS_URL": redis.url, "PORTICO_REDIS_REQUIRED": "true"}
    worker.start()
    assert worker.stop() == 0
