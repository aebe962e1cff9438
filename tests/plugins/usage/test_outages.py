"""The database goes away and returns: no call is lost and none counts twice, and memory does not grow without bounds."""

from collections.abc import Iterator

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.usage.conftest import Rows, made_record
from tests.postgres_proxy import PostgresProxy

from portico.errors import Unavailable
from portico.testing import InProcessApp
from portico_usage import writer as module
from portico_usage.components import UsagePlugin


@pytest.fixture
def env(env: dict[str, str], proxy: PostgresProxy) -> dict[str, str]:
    return env | proxy.environment


@pytest.fixture
def app(env: dict[str, str]) -> Iterator[InProcessApp]:
    app = InProcessApp(env)
    yield app
    app.close()


@pytest.mark.case("FT-10")
def test_calls_wait_for_the_database_and_the_oldest_are_dropped_at_the_limit(
    app: InProcessApp,
    usage: UsagePlugin,
    rows: Rows,
    proxy: PostgresProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED", 20)
    proxy.refuse()
    for number in range(30):
        usage.writer.add(made_record(model=f"m{number}"))
    with pytest.raises(Unavailable):
        app.run(usage.writer.flush)
    assert usage.writer.queued == 20
    proxy.accept()

    async def write() -> None:
        while usage.writer.queued:  # a connection that was lost is used once more
            try:
                await usage.writer.flush()
            except Unavailable:
                continue

    app.run(write)
    assert {row["model"] for row in rows("usage_call")} == {f"m{n}" for n in range(10, 30)}
    assert sum(day["calls"] for day in rows("usage_day")) == 20
