"""The database cannot be asked: calls are refused, or go through and are counted later."""

from collections.abc import Iterator

import msgspec
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.budgets.requests import set_budget
from tests.postgres_proxy import PostgresProxy

from portico.api.models import CallResult, GatewayCall, SourceRequest, TokenUsage
from portico.db import fetch_all
from portico.errors import Unavailable
from portico.identity import Actor
from portico.testing import Client, InProcessApp
from portico_budgets.components import BudgetsPlugin

RESULT = CallResult(outcome="completed", usage=TokenUsage(output_tokens=5), seconds=1.0)


@pytest.fixture
def env(env: dict[str, str], proxy: PostgresProxy) -> dict[str, str]:
    return env | proxy.environment


@pytest.fixture
def app(env: dict[str, str]) -> Iterator[InProcessApp]:
    app = InProcessApp(env)
    yield app
    app.close()


def _plugin(app: InProcessApp) -> BudgetsPlugin:
    [found] = [one for one in app.portico.contributions if one.plugin_name == "budgets"]
    assert isinstance(found.components, BudgetsPlugin)
    return found.components


async def _call(app: InProcessApp) -> GatewayCall:
    target = await app.portico.catalogue.find_for_operator("good")
    assert target is not None
    request = SourceRequest(
        model="good",
        body={"messages": msgspec.Raw(b"[]")},
        params={},
        stream=False,
        actor=Actor("id", "e", "n", "user", "", "session"),
    )
    return GatewayCall(id="1", target=target, request=request)


def test_call_is_refused_while_the_database_is_unavailable(
    app: InProcessApp, admin: Client, proxy: PostgresProxy
) -> None:
    set_budget(admin, 100)
    call = app.run(_call, app)
    proxy.refuse()
    with pytest.raises(Unavailable):
        app.run(_plugin(app).filter.inlet, call)
    assert call.state == {}
    proxy.accept()


class TestAllowed:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PORTICO_BUDGETS_ALLOW_WHEN_UNAVAILABLE": "true"}

    def test_call_goes_through_and_is_counted_later(
        self, app: InProcessApp, admin: Client, proxy: PostgresProxy
    ) -> None:
        set_budget(admin, 100, "tokens")
        plugin, call = _plugin(app), app.run(_call, app)
        app.run(plugin.filter.inlet, app.run(_call, app))  # the budget is known
        proxy.refuse()
        app.run(plugin.filter.inlet, call)
        app.run(_end, plugin, call)
        proxy.accept()
        app.run(plugin.counters.stop)
        (counter,) = app.run(fetch_all, "SELECT used FROM budgets_counter")
        assert counter["used"] == 5


async def _end(plugin: BudgetsPlugin, call: GatewayCall) -> None:
    plugin.filter.ended(call, RESULT)
