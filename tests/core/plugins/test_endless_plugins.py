"""Plugins that never come to an end by themselves: a list of models without end, listeners that cause their own event."""

from collections.abc import Callable

from tests.one_database import database_url  # noqa: F401 - a fixture; neither depends on the database

from portico.testing import InProcessApp

ENDLESS = """
import itertools
from portico.api import *
from portico.api.auth import *
from portico.api.models import *

PLUGIN = PluginInfo(api_version=1, summary="")

class Source:
    name = "endless"
    async def list_models(self):
        return (ModelCard(id="x", name="x", owned_by="x") for _ in itertools.count())
    async def complete(self, request):
        pass

@hookimpl
def register_model_sources():
    return [Source()]

@hookimpl
def register_listeners(app):
    async def later(event):
        app.events.publish(event)
    def at_once(event):
        app.events.publish(event)
    return [Listener(AccountCreated, later), Listener(AccountCreated, at_once)]
"""


def test_endless_models_and_events_end_and_are_counted(
    install: Callable[..., None], env: dict[str, str]
) -> None:
    install("odd", ENDLESS.strip())
    app = InProcessApp(env)
    try:
        ada = app.client.sign_up("Ada")
        assert "x" not in {one["id"] for one in ada.get("/api/models").json["data"]}
        assert ada.add_user("Bob").get("/api/v1/auths/").status == 200
        app.run(app.portico.events.drain)
        listed = {one["name"]: one for one in ada.get("/api/v1/plugins").json}
        assert listed["odd"]["state"] == "active"
        # The list, and for each of two accounts the events that lead to each other: not without end.
        assert 3 <= listed["odd"]["counters"]["failures"] <= 1 + 2 * 2**10
    finally:
        app.close()
