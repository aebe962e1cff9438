"""The database goes away and returns while tasks run: each has its effect once, and no try is counted for it."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from tests.core.tasks.conftest import TaskKinds
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.postgres_proxy import PostgresProxy

from portico.db import execute, fetch_all
from portico.errors import Unavailable
from portico.tasks import TaskRun
from portico.testing import InProcessApp

TASKS = 40
LEFT = "SELECT 1 FROM portico_task WHERE name = 'test:effect' AND status IN ('pending', 'running')"
OUTAGES = 10


@pytest.fixture
def env(env: dict[str, str], proxy: PostgresProxy) -> dict[str, str]:
    return env | proxy.environment


@pytest.fixture
def app(env: dict[str, str]) -> Iterator[InProcessApp]:
    app = InProcessApp(env)
    yield app
    app.close()


@pytest.mark.case("FT-10")
def test_each_effect_happens_once_while_the_database_is_restarted(
    kinds: TaskKinds, proxy: PostgresProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portico.tasks.executor.UNAVAILABLE_SECONDS", 0.2)
    monkeypatch.setattr("portico.tasks.executor.WRITE_AGAIN_SECONDS", 0.05)
    started = 0

    async def effect(run: TaskRun, _work: Any) -> None:
        nonlocal started
        started += 1
        await asyncio.sleep(0.05)
        async with run.completing():
            await execute("INSERT INTO test_effect (task_id) VALUES ($1)", run.id)

    async def effects() -> Counter[str]:
        found = await fetch_all("SELECT task_id FROM test_effect")
        return Counter(row["task_id"] for row in found)

    async def until_completed() -> None:
        async with asyncio.timeout(30):
            while True:
                with suppress(Unavailable):  # a connection that was lost is used once more
                    if not await fetch_all(LEFT):
                        return
                await asyncio.sleep(0.05)

    kinds.app.run(execute, "CREATE TABLE test_effect (task_id TEXT NOT NULL)")
    kinds.add("effect", effect, max_tries=1)
    created = [kinds.create("effect", delay=3600) for _ in range(TASKS)]
    kinds.app.run(execute, "UPDATE portico_task SET run_at = 0 WHERE name = 'test:effect'")
    for outage in range(OUTAGES):
        kinds.until(lambda outage=outage: started > 3 * outage)
        proxy.refuse()
        with pytest.raises(Unavailable):
            kinds.app.run(execute, "DELETE FROM test_effect WHERE task_id = ''")
        proxy.accept()
    kinds.app.run(until_completed)
    assert kinds.app.run(effects) == dict.fromkeys(created, 1)
    assert {row["status"] for row in kinds.rows("name = 'test:effect'")} == {"completed"}
