"""Who keeps its place where two plugins have the same thing: built-ins, then who was installed first, or whom the operator chose."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.api.interfaces import RefusalNotice
from portico.boot import CannotStart
from portico.testing import CommandLine, InProcessApp

Install = Callable[..., None]
PLUGIN = """
from portico.api import PluginInfo, hookimpl
PLUGIN = PluginInfo(api_version=1, summary="", {info})
@hookimpl
def {hook}:
{body}
"""


def plugin(hook: str, body: str, info: str = "") -> str:
    return PLUGIN.format(hook=hook, body=indent(body, "    "), info=info)


def route(method: str, path: str, answer: str, prefix: str = "") -> str:
    body = f"""
from portico.api.web import {method.lower()}
@{method.lower()}({path!r}, access="public")
async def mine() -> str:
    return {answer!r}
return [mine]
"""
    return plugin("register_routes()", body, f"route_prefixes=({prefix or path!r},)")


#: Plugins whose names come before those of the built-ins, with what each claims and who has it.
TAKEN = {
    "aa_route": (route("GET", "/api/config", "mine"), "route GET /api/config", "accounts"),
    "aa_head": (
        plugin(
            "register_routes()",
            "from portico.api.web import route\n@route('/api/config', method='HEAD', access='public')\n"
            "async def mine() -> None: ...\nreturn [mine]",
            "route_prefixes=('/api/config',)",
        ),
        "route GET /api/config",
        "accounts",
    ),
    "aa_fallback": (
        plugin(
            "register_fallbacks()",
            "from portico.api.web import Fallback\nasync def respond(scope, path): ...\nreturn [Fallback('/', respond)]",
            "route_prefixes=('/',)",
        ),
        "fallback /",
        "frontend",
    ),
    "aa_kind": (
        plugin(
            "register_resources()",
            "from portico.api.policy import ResourceKind\nreturn [ResourceKind('chat', '', ('read',))]",
        ),
        "resource kind chat",
        "chats",
    ),
    "aa_service": (
        plugin(
            "register_services()",
            "from portico.api import Service\nfrom portico.api.models import WorkspaceModels\n"
            "class Models:\n    def __getattr__(self, name): return print\n"
            "return [Service(WorkspaceModels, Models())]",
        ),
        "service WorkspaceModels",
        "models",
    ),
    "aa_provider": (
        plugin(
            "register_auth_providers()",
            "class Way:\n    name = 'password'\n    label = 'x'\n    kind = 'form'\n    provisioning_rules = None\n"
            "    async def authenticate(self, attempt): ...\nreturn [Way()]",
        ),
        "auth provider password",
        "password",
    ),
    "aa_token": (
        plugin(
            "register_token_authenticators()",
            "class Reader:\n    prefix = 'sk-'\n    kind = 'x'\n"
            "    async def authenticate(self, token): ...\n"
            "    async def still_valid(self, ids): ...\nreturn [Reader()]",
        ),
        "token prefix sk-",
        "api_keys",
    ),
    "aa_event": (
        plugin(
            "register_socket_events()",
            "import msgspec\nfrom portico.api.sockets import SocketEvent\n"
            "class Payload(msgspec.Struct): ...\nasync def handle(socket, event): ...\n"
            "return [SocketEvent('usage', Payload, handle)]",
            "socket_prefixes=('usage',)",
        ),
        "socket event usage",
        "models",
    ),
    "aa_former": (
        plugin("register_services()", "return []", "formerly=('chats',)"),
        "plugin name chats",
        "chats",
    ),
}
SETTINGS = """
from typing import Annotated
from portico.api import Section, setting
class Mine(Section):
    {field}: Annotated[{kind}, setting("One", {more})] = {default}
return Mine
"""
#: Plugins whose settings have the name of another setting, with that name and the key of the other.
SETTINGS_TAKEN = {
    "api": (
        SETTINGS.format(field="keys_max_keys", kind="int", more="", default=1),
        "PORTICO_API_KEYS_MAX_KEYS belongs to 'plugins.api_keys.max_keys'",
    ),
    "aa_runtime": (
        SETTINGS.format(
            field="mine", kind="bool", more="env='ENABLE_FOLDERS', runtime_key='x.y'", default=True
        ),
        "ENABLE_FOLDERS belongs to 'plugins.folders.enable_folders'",
    ),
    "server_port": (
        SETTINGS.format(field="x", kind="int", more="env='PORTICO_STRICT'", default=1),
        "PORTICO_STRICT belongs to 'plugins.strict'",
    ),
}
SAME_OPERATIONS = """
from portico.api.web import get
@get("/api/x/aa_twice/one", operation_id="same")
async def one() -> None: ...
@get("/api/x/aa_twice/two", operation_id="same")
async def two() -> None: ...
return [one, two]
"""
SAME_TOPIC = "app.instance_channel.subscribe('models.usage', lambda *_: None)"
#: What belongs to the core.
OF_THE_CORE = {
    "aa_health": (route("GET", "/health", "mine"), "route GET /health"),
    "vault": (
        plugin(
            "register_tables()",
            "from portico.api.db import TableSet\nreturn TableSet((), 'nowhere.migrations')",
        ),
        "owner of tables vault",
    ),
    "aa_check": (
        plugin(
            "register_health_checks()",
            "from portico.api import HealthCheck\nasync def check(): ...\nreturn [HealthCheck('database', check)]",
        ),
        "health check database",
    ),
}


def test_plugin_that_claims_what_an_earlier_one_has_fails_with_the_holder_and_the_way_out(
    install: Install, start_app: Callable[..., InProcessApp], tmp_path: Path
) -> None:
    for name, (source, *_) in (TAKEN | OF_THE_CORE).items():
        install(name, source)
    for name, (body, _) in SETTINGS_TAKEN.items():
        install(name, plugin("register_settings()", body))
    for age, name in ((100, "later"), (200, "sooner")):
        source = route("GET", "/api/x/shared/hello", name)
        install(name, source.replace("('/api/x/shared/hello',)", "('/api/x/shared',)"))
        info = tmp_path / "site" / f"made_up_{name}-1.0.dist-info"
        os.utime(info, (1_700_000_000 - age,) * 2)
    install("aa_twice", plugin("register_routes()", SAME_OPERATIONS))
    install("aa_topic", plugin("register_components(app)", SAME_TOPIC))
    install("aa_empty", TAKEN["aa_token"][0].replace("'sk-'", "'sk'"))
    other = route("GET", "/api/x/chats/mine", "mine")
    install("chats", other, module="made_up_chats", distribution="acme-chats")
    app = start_app()
    registry = app.portico.registry
    for name, (_, claim, holder) in TAKEN.items():
        record = registry[name]
        assert (record.state, record.fault) == ("failed", "conflict"), (name, record)
        assert record.reason.startswith(f"{claim} belongs to {holder!r} already; "), record.reason
        assert registry[holder].state == "active", holder
    for name, (_, claim) in OF_THE_CORE.items():
        assert registry[name].reason.startswith(f"{claim} belongs to 'portico' already;"), name
    for name, (_, sentence) in SETTINGS_TAKEN.items():
        record = registry[name]
        assert (record.state, record.fault) == ("failed", "conflict"), (name, record)
        assert record.reason.startswith(f"setting {sentence} already; "), record.reason
    assert registry["aa_twice"].reason == "it registers operation id same twice"
    assert "topic 'models.usage' has another handler" in registry["aa_topic"].reason
    assert "overlaps" in registry["aa_empty"].reason
    assert '[plugins] replace = {"GET /api/config" = "aa_route"}' in registry["aa_route"].reason
    assert registry["chats"].state == "active"
    second = registry["chats@acme-chats"]
    assert (second.state, second.fault) == ("failed", "name")
    assert "plugin name chats belongs to that of the distribution 'portico'" in second.reason
    assert app.client.get("/api/config").json["name"]
    # Its distribution was installed first.
    assert app.client.get("/api/x/shared/hello").body == b"sooner"
    assert "belongs to 'sooner' already" in registry["later"].reason
    assert app.client.get("/openapi.json").status == 200
    ada = app.client.sign_up("Ada")
    assert ada.post("/api/v1/chats/new", {"chat": {}}).status == 200


NOTICE = plugin(
    "register_services()",
    "from portico.api import Service\nfrom portico.api.interfaces import RefusalNotice\n"
    "class Notice:\n    name = 'of acme'\n    def show(self, account_id, sentence): ...\n"
    "return [Service(RefusalNotice, Notice())]",
)


COMMANDS = plugin(
    "register_commands(cli)",
    "import click\nfor name in ('user', 'acme-help'):\n    cli.add_command(click.Command(name, callback=lambda: click.echo('mine')))",
)


#: Has one of each that can be replaced, beside routes and services.
MANY = """
import dataclasses
import msgspec
from portico.api import PluginInfo, hookimpl
from portico.api.policy import PackagedPolicy
from portico.api.sockets import SocketEvent
from portico_prompts.resource_kind import PROMPTS
PLUGIN = PluginInfo(
    api_version=1, summary="", route_prefixes=("/", "/api/x/rival"), socket_prefixes=("usage",)
)
class Payload(msgspec.Struct): ...
async def handle(socket, payload): ...
@hookimpl
def register_resources(): return [dataclasses.replace(PROMPTS, table="")]
@hookimpl
def register_policies(): return [PackagedPolicy("portico_policies", "prompts.csv")]
@hookimpl
def register_socket_events(): return [SocketEvent("usage", Payload, handle)]
@hookimpl
def register_fallbacks():
    from portico.api.web import Fallback, JSONResponse
    async def respond(scope, path): return JSONResponse(b'"many"')
    return [Fallback("/", respond)]
@hookimpl
def register_token_authenticators():
    class Reader:
        kind, prefix = "many", "sk-"
        async def authenticate(self, token): ...
        async def still_valid(self, ids): return set()
    return [Reader()]
@hookimpl
def register_auth_providers():
    class Way:
        name, label, kind, provisioning_rules = "password", "Many", "form", None
        async def authenticate(self, attempt): ...
    return [Way()]
@hookimpl
def register_routes():
    from portico.api.web import Socket, websocket
    @websocket("/api/x/rival/live")
    async def live(socket: Socket) -> None: ...
    return [live]
"""
REPLACED_BY_MANY = {
    "kind:prompt": "resource kind prompt (of prompts)",
    "policy:prompts.csv": "policy file prompts.csv (of prompts)",
    "fallback:/": "fallback / (of frontend)",
    "token:sk-": "token prefix sk- (of api_keys)",
    "provider:password": "auth provider password (of password)",
    "socket-event:usage": "socket event usage (of models)",
    "WEBSOCKET /api/x/rival/live": "route WEBSOCKET /api/x/rival/live (of rival)",
}


def test_each_kind_of_part_can_be_replaced(
    install: Install, start_app: Callable[..., InProcessApp]
) -> None:
    rival = """
from portico.api.web import Socket, get, websocket
@websocket("/api/x/rival/live")
async def live(socket: Socket) -> None: ...
@get("/api/x/rival/rest", access="public")
async def rest() -> str:
    return "rest"
return [live, rest]
"""
    install("rival", plugin("register_routes()", rival))
    install("many", MANY)
    # A whole plugin, by the name of the distribution.
    install("memories", route("GET", "/api/x/memories/a", "mine"), distribution="acme-notes")
    chosen = dict.fromkeys(REPLACED_BY_MANY, "many") | {"plugin:memories": "acme-notes"}
    app = start_app(PORTICO_PLUGINS_REPLACE=json.dumps(chosen))
    registry = app.portico.registry
    assert {record.name: record.reason for record in registry.failed} == {}
    assert registry["many"].provides["replaces"] == sorted(REPLACED_BY_MANY.values())
    assert registry["rival"].provides["routes"] == ["GET /api/x/rival/rest"]
    assert app.client.get("/api/x/rival/rest").body == b"rest"
    assert app.client.get("/").body == b'"many"'
    assert app.client.get("/api/x/memories/a").body == b"mine"
    other = registry["memories@portico"]
    assert (other.state, other.reason) == (
        "disabled",
        "replaced by that of acme-notes in plugins.replace",
    )


def test_replaced_part_is_served_by_the_chosen_plugin_and_the_rest_of_the_other_stays(
    install: Install, start_app: Callable[..., InProcessApp]
) -> None:
    install("acme", route("GET", "/api/config", "acme's"))
    install("rule", NOTICE)
    # Its startup fails, so what it replaces returns.
    install("brief", route("GET", "/api/version", "mine") + "@hookimpl\ndef startup(): 1 / 0\n")
    app = start_app(
        PORTICO_PLUGINS_REPLACE='{"get /api/config": "acme", "service:RefusalNotice": "rule", '
        '"GET /api/version": "brief"}'
    )
    registry = app.portico.registry
    assert {name: registry[name].reason for name in ("acme", "rule")} == {"acme": "", "rule": ""}
    assert app.client.get("/api/config").body == b"acme's"
    assert app.portico.context.services.get(RefusalNotice).name == "of acme"
    assert registry["acme"].provides["replaces"] == ["route GET /api/config (of accounts)"]
    assert registry["accounts"].provides["replaced"] == ["route GET /api/config (by acme)"]
    assert "GET /api/config" not in registry["accounts"].provides["routes"]
    assert registry["webclient"].provides["replaced"] == ["service RefusalNotice (by rule)"]
    assert registry["brief"].fault == "startup"
    assert "version" in app.client.get("/api/version").json
    assert app.client.sign_up("Ada").get("/api/v1/auths/").status == 200


def test_command_of_a_builtin_stays_unless_the_operator_says_otherwise(
    install: Install, cli: CommandLine
) -> None:
    install("aa_cli", COMMANDS)
    kept = cli("user", "list")
    assert (
        "The command 'user' of plugin aa_cli is missing: it belongs to 'accounts' already; "
        in kept.stderr
    )
    assert '[plugins] replace = {"command:user" = "aa_cli"}' in kept.stderr
    assert "mine" not in kept.stdout
    assert cli("acme-help").stdout == "mine\n"
    listed = cli("plugin", "list").stdout
    assert "The command 'user' of plugin aa_cli is missing" in listed
    chosen = {"PORTICO_PLUGINS_REPLACE": '{"command:user": "aa_cli"}'}
    replaced = cli("user", settings=chosen)
    assert replaced.stdout == "mine\n"
    assert "The command 'user' of plugin accounts gives way to that of aa_cli" in replaced.stderr


def test_impossible_replacements_are_refused_at_the_start_all_at_once(
    install: Install, start_app: Callable[..., InProcessApp]
) -> None:
    install("acme", route("GET", "/api/x/acme/hello", "hello"))
    replace = (
        '{"GET /api/config": "acme", "knd:chat": "acme", "kind:chat": "absent", "GET /health": "acme", '
        '"plugin:chats": "acme-chats", "service:Nothing": "acme", "command:usr": "acme", "": "acme"}'
    )
    with pytest.raises(CannotStart) as refused:
        start_app(PORTICO_PLUGINS_REPLACE=replace, PORTICO_PLUGINS_DISABLE="nothing")
    expected = [
        "no plugin named 'nothing' is installed",
        "\"GET /api/config\": plugin 'acme' has no route GET /api/config; it has route GET /api/x/acme/hello",
        '"knd:chat": there is no such key; keys are METHOD /path, ',
        "\"kind:chat\": no plugin named 'absent' is installed",
        '"GET /health": route GET /health belongs to the core, and nothing can replace it',
        "\"plugin:chats\": the distribution 'acme-chats' has no plugin of this name; portico has one",
        "\"command:usr\": plugin 'acme' has no command usr",
        "\"service:Nothing\": plugin 'acme' has no service Nothing",
        '"": there is no such key',
    ]
    for sentence in expected:
        assert any(sentence in one for one in refused.value.reasons), (sentence, refused.value)
    assert len(refused.value.reasons) == len(expected)
