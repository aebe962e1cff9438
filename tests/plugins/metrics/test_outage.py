"""The figures are read while the database does not answer, which is when they are needed."""

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.metrics.test_metrics import MONITORING, Starting, figures, starting  # noqa: F401 - a fixture
from tests.postgres_proxy import PostgresProxy

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
