"""Instances that start at the same moment migrate once, serve alike, and do periodic work once."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.instance_changes import PATIENCE
from tests.pgbouncer import through
from tests.upgrade.landed.states import STATES, State, build

from portico.boot import Application
from portico.db import execute, fetch_all
from portico.settings.load import load_settings
from portico.testing import Client, InProcessApp, ServerProcess

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]

INSTANCES = 10
StartAll = Callable[[Mapping[str, str]], list[InProcessApp]]


@pytest.fixture
def start_all(database_url: str) -> Iterator[StartAll]:
    """Start ten instances with these settings at once. Each has a loop and connections of its own.

    `database_url` is named so that the database is dropped after their end.
    """
    with ExitStack() as started, ThreadPoolExecutor(INSTANCES) as threads:

        def start(environment: Mapping[str, str]) -> list[InProcessApp]:
            starting = [threads.submit(InProcessApp, environment) for _ in range(INSTANCES)]
            apps = [one.result() for one in starting]
            for app in apps:
                started.callback(app.close)
            return apps

        yield start


def build_state(env: dict[str, str], name: str) -> None:
    """Make the database one of a state that landed earlier."""
    portico = Application(load_settings(environ=env))

    async def work() -> None:
        await portico.database.start()
        try:
            with portico.database.use():
                await build(portico.database, portico.table_sets, State(STATES[name]))
        finally:
            await portico.database.stop()

    asyncio.run(work())


def check_all_serve(apps: list[InProcessApp]) -> None:
    for app in apps:
        assert not app.portico.registry.failed
        assert app.client.get("/ready").status == 200
    with ThreadPoolExecutor(INSTANCES) as threads:
        names = [f"User{number}" for number in range(INSTANCES)]
        users = list(threads.map(lambda app, name: app.client.sign_up(name), apps, names))
    roles = Counter(one.account["role"] for one in users)
    assert roles["admin"] == 1
    for app in apps:
        assert Client(app.client.transport, users[0].token).get("/api/v1/auths/").status == 200


async def tasks_of_schedule() -> dict[str, int]:
    """Return how many rows each periodic task has, by name."""
    rows = await fetch_all(
        "SELECT s.name, count(t.id) AS n FROM portico_task_schedule s LEFT JOIN portico_task t ON t.name = s.name "
        "GROUP BY s.name ORDER BY s.name"
    )
    return {row["name"]: row["n"] for row in rows}


def check_periodic_work(app: InProcessApp) -> None:
    """All instances find at the same moment that everything is due."""
    app.run(execute, "UPDATE portico_task_schedule SET next_at = 0")
    deadline = time.monotonic() + PATIENCE
    while not all((found := app.run(tasks_of_schedule)).values()):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    assert found and set(found.values()) == {1}


@pytest.mark.both_databases
@pytest.mark.case("FT-14")
@pytest.mark.parametrize("state", ["", "before-plain-words"], ids=["empty", "old"])
def test_ten_instances_migrate_once_and_serve(
    env: dict[str, str], start_all: StartAll, state: str
) -> None:
    if state:
        build_state(env, state)
    apps = start_all(env)
    check_all_serve(apps)
    check_periodic_work(apps[0])


@pytest.mark.case("FT-14")
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_ten_instances_behind_a_pooler_migrate_once_and_serve(
    env: dict[str, str], start_all: StartAll, pgbouncer: int
) -> None:
    """Its five connections are enough for the one that migrates and the nine that wait."""
    apps = start_all(env | {"DATABASE_URL": through(pgbouncer, env["DATABASE_URL"])})
    check_all_serve(apps)
    check_periodic_work(apps[0])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_processes_on_one_file_create_one_secret_key(env: dict[str, str], tmp_path: Path) -> None:
    """Nothing is configured but the data directory."""
    bare = {name: value for name, value in env.items() if name != "WEBUI_SECRET_KEY"}
    servers = []
    for number in range(3):
        directory = tmp_path / str(number)
        directory.mkdir()
        servers.append(ServerProcess(bare, directory))
    try:
        with ThreadPoolExecutor(len(servers)) as threads:
            list(threads.map(lambda server: server.start(timeout=90), servers))
        ada = servers[0].client.sign_up("Ada")
        for server in servers:
            assert Client(server.client.transport, ada.token).get("/api/v1/auths/").status == 200
    finally:
        for server in servers:
            server.kill()
