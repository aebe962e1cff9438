"""The figures are read while the database does not answer, which is when they are needed."""

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.metrics.test_metrics import MONITORING, Starting, figures, starting  # noqa: F401 - a fixture
from tests.postgres_proxy import PostgresProxy
from tests.redis_server import RedisServer

from portico.boot import core_metrics


@pytest.mark.slow
def test_figures_are_read_while_the_database_is_silent(
    starting: Starting,  # noqa: F811
    proxy: PostgresProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core_metrics, "READ_LIMIT", 0.1)
    settings = proxy.environment | {"PORTICO_METRICS_ALLOW": MONITORING}
    monitoring = starting(settings).client_at(MONITORING)
    tasks = "portico_tasks", (("status", "running"), ("type", ""))
    before = figures(monitoring.get("/metrics"))
    assert (before["portico_database_unavailable", ()], before[tasks]) == (0, 0)
    used, idle, possible = (
        before["portico_database_connections", (("state", state),)]
        for state in ("used", "idle", "possible")
    )
    assert 0 < used + idle <= possible
    proxy.silent = True
    # A process notices when a statement has taken too long.
    while not (found := figures(monitoring.get("/metrics")))["portico_database_unavailable", ()]:
        # What is not known is left out, and is not 0.
        assert tasks not in found
    statements = "portico_database_statement_seconds_count", ()
    assert found[statements] >= before[statements] > 0
    proxy.silent = False
    # No read has kept its connection.
    while tasks not in (found := figures(monitoring.get("/metrics"))):
        pass
    assert ("portico_plugin_failures_total", (("plugin", "portico"),)) not in found


def test_redis_that_stops_is_seen(starting: Starting, redis: RedisServer) -> None:  # noqa: F811
    settings = {"REDIS_URL": redis.url, "PORTICO_METRICS_ALLOW": MONITORING}
    monitoring = starting(settings).client_at(MONITORING)
    found = figures(monitoring.get("/metrics"))
    assert (
        found["portico_redis_unavailable", ()]
        == found["portico_redis_failed_commands_total", ()]
        == 0
    )
    assert found["portico_redis_command_seconds_count", ()] > 0
    redis.stop()
    while not (found := figures(monitoring.get("/metrics")))["portico_redis_unavailable", ()]:
        monitoring.post("/api/v1/auths/signin", {"email": "ada@example.org", "password": "wrong"})
    assert found["portico_redis_failed_commands_total", ()] > 0
