"""Plugins that fail while the server serves: the call fails alone, the plugin is named with its file and line."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.errors import INVALID_CRED
from portico.events import EventBus
from portico.identity import AccountDeleted
from portico.testing import Client, InProcessApp

SIGN_IN = """
import asyncio
from portico.api import PluginInfo, hookimpl
from portico.api.auth import ExternalIdentity, ProvisioningRules
from portico.api.web import Request, post

PLUGIN = PluginInfo(api_version=1, summary="")

async def hang(*_):
    await asyncio.Event().wait()

def read(self, body, scope):
    raise KeyError("x")

async def is_enabled(self):
    raise SystemExit(1)

async def wrong(self, attempt):
    return ExternalIdentity(subject=7, email=None, name="x")

async def nothing(self, attempt):
    return {"name": "Ada"}

async def leave(self, attempt):
    raise SystemExit(2)

AUTHENTICATE = {"hangs": hang, "wrong": wrong, "nothing": nothing, "leaves": leave}

class Way:
    label, kind, provisioning_rules = "Odd", "form", ProvisioningRules(create_accounts=True)
    read_sign_in = read
    is_enabled = is_enabled
    def __init__(self, name):
        self.name = name
        if name in AUTHENTICATE:
            self.authenticate = AUTHENTICATE[name].__get__(self)
    async def authenticate(self, attempt): ...

WAYS = [Way(name) for name in AUTHENTICATE]

class Tokens:
    def __init__(self, prefix, authenticate):
        self.kind, self.prefix = prefix.strip("-"), prefix
        self.authenticate = authenticate
    async def still_valid(self, ids):
        return set()

async def raising(token):
    return 1 / 0

async def odd(token):
    return "Ada"

@hookimpl
def register_auth_providers():
    return WAYS

@hookimpl
def register_token_authenticators():
    return [Tokens("hangs-", hang), Tokens("raises-", raising), Tokens("odd-", odd)]

@hookimpl
def register_routes(app):
    def made(way):
        @post(f"/api/x/ways/{way.name}", access="public", name=way.name)
        async def enter(request: Request) -> None:
            await app.identity.auth.sign_in_with(way, None, request.scope)
        return enter
    return [made(way) for way in WAYS]
"""


REST = """
import asyncio
from portico.api import HealthCheck, Listener, Metric, PluginInfo, hookimpl
from portico.api.auth import AccountDeleting, AccountDeleted
from portico.api.db import DatabaseCheck, execute
from portico.api.models import ModelCard, SourceResponse

PLUGIN = PluginInfo(api_version=1, summary="")

async def hang(*_):
    while True:
        try:
            await asyncio.Event().wait()
        except Exception:
            pass

async def hold(event):
    await execute("UPDATE portico_account SET name = 'held' WHERE id = $1", event.id)
    await hang()

async def leave(*_):
    raise SystemExit(1)

def leave_at_once(*_):
    raise asyncio.CancelledError

class Source:
    def __init__(self, name, answer):
        self.name, self.answer = name, answer
    async def list_models(self):
        if self.name == "unlisted":
            return ["gpt"]
        return [ModelCard(id=self.name, name=self.name, owned_by="x", public=True)]
    async def complete(self, request):
        return await self.answer(request)

async def raising(request):
    return {}["x"]

async def garbage(request):
    return "hello"

async def odd_body(request):
    return SourceResponse(body="hello")

async def parts():
    yield b'data: {"choices": []}\\n\\n'
    raise SystemExit(3)

async def stream(request):
    return SourceResponse(body=parts(), content_type="text/event-stream")

@hookimpl
def register_listeners():
    return [Listener(AccountDeleting, hold), Listener(AccountDeleted, leave_at_once), Listener(AccountDeleted, leave)]

@hookimpl
def register_health_checks():
    return [HealthCheck("hangs", hang, critical=False, limit=0.1), HealthCheck("leaves", leave, critical=False)]

@hookimpl
def register_metrics():
    return [Metric("odd", "Odd.", "gauge", leave)]

@hookimpl
def register_database_checks():
    return [DatabaseCheck("odd", leave)]

@hookimpl
def register_model_sources():
    answers = {"raising": raising, "garbage": garbage, "body": odd_body, "leaves": leave, "stream": stream}
    return [Source(name, answer) for name, answer in answers.items()] + [Source("unlisted", raising)]
"""


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    limits = dict.fromkeys(("SIGN_IN", "LISTENER", "EVENT"), "0.1")
    return (
        env
        | {"PORTICO_LOG_FORMAT": "json"}
        | {f"PORTICO_PLUGINS_{name}_LIMIT": value for name, value in limits.items()}
    )


@pytest.fixture
def ways(install: Callable[..., None]) -> None:
    install("ways", SIGN_IN.strip())


class Log:
    """The lines of the log since it was read last."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def events(self) -> list[dict[str, Any]]:
        """Return all lines."""
        return [json.loads(line) for line in self._capture.readouterr().err.splitlines()]

    def failures(self, plugin: str) -> list[tuple[Any, ...]]:
        """Return what failed, how, and where, of one plugin."""
        return [
            (one["doing"], one["error"], one["at"])
            for one in self.events()
            if one["event"] == "plugin failed" and one["plugin"] == plugin
        ]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


def line_of(source: str, text: str) -> str:
    return str(next(n for n, line in enumerate(source.strip().splitlines(), 1) if text in line))


def test_way_of_signing_in_fails_alone(
    ways: None, admin: Client, app: InProcessApp, log: Log
) -> None:
    def at(text: str) -> str:
        return f"made_up_ways.py:{line_of(SIGN_IN, text)}"

    log.failures("ways")
    assert app.client.get("/api/config").status == 200
    assert set(log.failures("ways")) == {
        (f"is_enabled of '{name}'", "SystemExit", at("SystemExit(1)"))
        for name in ("hangs", "wrong", "nothing", "leaves")
    }
    answer = app.client.post("/api/v1/auths/signin", {"email": "a@b.example", "password": "x"})
    assert (answer.status, answer.json["detail"]) == (400, INVALID_CRED)
    assert {doing for doing, *_ in log.failures("ways")} == {
        f"read_sign_in of '{name}'"
        for name in ("hangs", "nothing", "leaves")  # before "password"
    }
    for name, error, line in (
        ("hangs", "OverLimit", at("Event().wait()")),
        ("wrong", "ValidationError", at("class Way")),
        ("nothing", "TypeError", at("class Way")),
        ("leaves", "SystemExit", at("SystemExit(2)")),
    ):
        assert app.client.post(f"/api/x/ways/{name}").status == 500, name
        assert log.failures("ways") == [(f"authenticate of {name!r}", error, line)]
    for kind, error, line in (
        ("hangs", "OverLimit", at("Event().wait()")),
        ("raises", "ZeroDivisionError", at("1 / 0")),
        ("odd", "TypeError", at("class Tokens")),
    ):
        token = {"authorization": f"Bearer {kind}-1"}
        assert app.client.get("/api/v1/auths/", headers=token).status == 500, kind
        assert log.failures("ways") == [(f"authenticate of {kind!r}", error, line)]
    assert admin.get("/api/v1/auths/").status == 200
    listed = {one["name"]: one for one in admin.get("/api/v1/plugins").json}
    assert listed["ways"]["state"] == "active" and listed["ways"]["counters"]["failures"] >= 15


async def delete_in_name(events: EventBus) -> None:
    """Tell listeners of an account that was deleted, and wait for them."""
    events.publish(AccountDeleted("x"))
    await events.drain()


def test_listeners_checks_and_sources_fail_alone(
    install: Callable[..., None], env: dict[str, str], log: Log
) -> None:
    install("odd", REST.strip())

    def at(text: str) -> str:
        return f"made_up_odd.py:{line_of(REST, text)}"

    app = InProcessApp(env)
    try:
        admin = app.client.sign_up("Ada")
        bob = admin.add_user("Bob")
        listed = {one["id"] for one in admin.get("/api/models").json["data"]}
        assert listed - {"arena-model"} == {"raising", "garbage", "body", "leaves", "stream"}
        assert log.failures("odd") == [
            ("list_models of the source 'unlisted'", "TypeError", at("class Source"))
        ]
        # A listener that hangs in the transaction: rolled back, and others may write.
        assert admin.delete(f"/api/v1/users/{bob.account['id']}").status == 500
        assert log.failures("odd") == [
            ("handling AccountDeleting", "OverLimit", at("Event().wait()"))
        ]
        assert bob.get("/api/v1/auths/").json["name"] == "Bob"
        # Listeners that leave, after the transaction: logged.
        app.run(delete_in_name, app.portico.events)
        assert log.failures("odd") == [
            ("handling AccountDeleted", "CancelledError", at("raise asyncio.Cancelled")),
            ("handling AccountDeleted", "SystemExit", at("SystemExit(1)")),
        ]
        reasons = {one["check"]: one["reason"] for one in admin.get("/ready").json["reasons"]}
        assert reasons == {"hangs": "no answer within 0.1 s", "leaves": "SystemExit"}
        assert set(log.failures("odd")) == {
            ("health check hangs", "OverLimit", at("Event().wait()")),
            ("health check leaves", "SystemExit", at("SystemExit(1)")),
        }
        app.run(app.portico.read_metrics)
        assert log.failures("odd") == [
            ("reading the metric odd", "SystemExit", at("SystemExit(1)"))
        ]
        (check,) = [one for one in app.run(app.portico.database_checks) if one.name == "odd"]
        assert app.run(check.find) == [
            f"the check 'odd' of plugin 'odd' failed: SystemExit at {at('SystemExit(1)')}"
        ]
        log.failures("odd")
        for source, error, line in (
            ("raising", "KeyError", at('{}["x"]')),
            ("garbage", "InvalidResponse", at("class Source")),
            ("body", "InvalidResponse", at("class Source")),
            ("leaves", "SystemExit", at("SystemExit(1)")),
            ("stream", "SystemExit", at("SystemExit(3)")),
        ):
            question = {
                "model": source,
                "messages": [{"role": "user", "content": "x"}],
                "stream": True,
            }
            answer = admin.post("/api/chat/completions", question)
            assert answer.status == (200 if source == "stream" else 500), source
            lines = log.events()
            (failed,) = [one for one in lines if one["event"] == "request failed"]
            assert (failed["plugin"], failed["error"], failed["at"]) == ("odd", error, line), source
            assert (failed["method"], failed["route"]) == ("POST", "/api/chat/completions")
            assert [one["plugin"] for one in lines if one["event"] == "plugin failed"] == ["odd"]
        assert admin.get("/health").status == 200
    finally:
        app.close()
