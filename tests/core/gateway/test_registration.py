"""Plugins register filters with a hook; a wrong declaration fails its plugin alone."""

from collections.abc import Callable
from typing import Any

import pytest

from portico.testing import Client, InProcessApp

SOURCE = """
    from portico.api import InvalidRequest, PluginInfo, hookimpl
    from portico.api.models import ModelFilter

    PLUGIN = PluginInfo(api_version=1, summary="Refuses everything.")

    class Refusal:
        def __init__(self, app):
            self.app = app

        async def inlet(self, call):
            raise InvalidRequest(f"{call.target.id} is closed.")

    @hookimpl
    def register_components(app):
        return Refusal(app)

    @hookimpl
    def register_model_filters(plugin):
        return [ModelFilter(DECLARED)]
"""


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_STRICT": "false"}


@pytest.fixture
def start(env: dict[str, str], install: Callable[..., None], request: Any) -> Any:
    """`start(declared)` is an application with a plugin that declares this filter."""
    opened: list[InProcessApp] = []
    schema = request.getfixturevalue("complete_schema")

    def made(declared: str) -> InProcessApp:
        install("refusal", SOURCE.replace("DECLARED", declared))
        opened.append(InProcessApp(env, schema))
        return opened[0]

    yield made
    for one in opened:
        one.close()


def completed(client: Client) -> Any:
    body = {"model": "good", "messages": [{"role": "user", "content": "Hi"}]}
    return client.post("/api/chat/completions", json=body)


def test_registered_filter_sees_the_calls(start: Any) -> None:
    admin = start("name='refusal', inlet=plugin.inlet").client.sign_up("Ada")
    answer = completed(admin)
    assert (answer.status, answer.detail) == (400, "good is closed.")


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ("name='a b'", "needs a name of letters, digits and _"),
        ("name='a', order='first'", "needs a whole number as order"),
        ("name='a', operations=frozenset({'chess'})", "has operations other than"),
        ("name='a', on_failure='panic'", "needs 'abort' or 'skip'"),
        ("name='a', time_limit=0", "needs a positive number of seconds"),
        ("name='a', inlet=3", "needs a function as inlet"),
        ("name='a', ended=plugin.inlet", "has an async function as ended"),
        ("name='a', edit_text=len, edit_blocks=len", "has more than one of"),
    ],
)
def test_wrong_declaration_fails_the_plugin_alone(start: Any, declared: str, reason: str) -> None:
    app = start(declared)
    record = app.portico.registry["refusal"]
    assert record.state == "failed"
    assert reason in record.reason
    assert completed(app.client.sign_up("Ada")).status == 200
