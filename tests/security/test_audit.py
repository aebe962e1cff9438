"""Attacks on the audit trail."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from tests.api_keys import ON
from tests.ollama_server import OllamaServer
from tests.repository.fixtures import (
    A_FILE,
    LDAP,
    PAGE,
    PARAMETERS,
    PROFILE,
    PROVIDER,
    Ask,
    Scene,
    ask,
    options,
)
from tests.repository.test_route_access import Route, routes
from tests.upstream import Upstream

from portico.cli.commands import core_commands
from portico.cli.plugin_commands import plugin_commands
from portico.db import execute, fetch_all
from portico.testing import PASSWORD, InProcessApp, ServerProcess

#: What a call of each changing route leaves in the log.
TABLE = Path(__file__).with_name("audited_routes.txt")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
#: Columns that change with every request.
VOLATILE_COLUMNS = ("last_active_at", "seen_at", "last_seen_at")
#: Tables that are updated by themselves, such as the search index.
DELAYED_TABLES = (
    "portico_audit_chain", "portico_audit_seal",
    "chats_text", "files_loose_object", "portico_task", "portico_task_schedule", "usage_call", "usage_day",
)  # fmt: skip
#: Tables that count attempts, also failed ones.
COUNTER_TABLES = ("portico_attempt",)


@pytest.fixture
def scene(env: dict[str, str], upstream: Upstream, complete_schema: Any) -> Iterator[Scene]:
    with OllamaServer() as ollama:
        given = env | upstream.environment | ollama.environment | ON | PROVIDER
        app = InProcessApp(given | {"ENABLE_OPENAI_API_PASSTHROUGH": "true"}, complete_schema)
        yield Scene(app)
        app.close()


def audited_routes() -> dict[Route, list[str]]:
    """The table: `own`, `none`, or the events."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line[:1] not in ("", "#")]
    found = {(method, path): events for method, path, *events in lines}
    assert len(found) == len(lines), "a route has two lines"
    return found


def entries(app: InProcessApp) -> int:
    (found,) = app.run(fetch_all, "SELECT count(*) AS n FROM portico_audit")
    return int(found["n"])


def events_after(app: InProcessApp, number: int) -> list[str]:
    """The events of the entries after a number, sorted; one that a resource has twice is there twice."""
    sql = "SELECT event, resource_id FROM portico_audit WHERE number > $1"
    found = Counter((row["event"], row["resource_id"]) for row in app.run(fetch_all, sql, number))
    twice = [event for (event, _), count in found.items() if count > 1]
    return sorted([*{event for event, _ in found}, *twice])


def newest_entry(app: InProcessApp) -> int:
    (found,) = app.run(fetch_all, "SELECT COALESCE(MAX(number), 0) AS n FROM portico_audit")
    return int(found["n"])


def everything(app: InProcessApp) -> dict[str, list[str]]:
    """All rows of all tables except the audit trail."""
    rows = {}
    for tables in app.portico.table_sets.values():
        for table in tables.tables:
            name = table._meta.tablename
            if name not in ("portico_audit", *DELAYED_TABLES, *COUNTER_TABLES):
                found = app.run(fetch_all, f'SELECT * FROM "{name}"')
                rows[name] = sorted(
                    repr({k: v for k, v in row.items() if k not in VOLATILE_COLUMNS})
                    for row in found
                )
    return rows


def changed_access(scene: Scene, path: str) -> Ask:
    """A model of the user's, whose access the administrator changes."""
    form = scene.model()
    return path, form | {"name": scene.name(), "access_control": None}


def changed_setting(scene: Scene) -> Any:
    return {"suggestions": [{"title": [scene.name()], "content": "x"}]}


def undone_change(scene: Scene, path: str) -> Ask:
    scene.admin.post("/api/v1/configs/suggestions", changed_setting(scene))
    number = scene.admin.get("/api/v1/configs/history").json[0]["number"]
    return path.replace("{number}", str(number)), None


def changed_defaults(scene: Scene, path: str) -> Ask:
    tree = json.loads(json.dumps(scene.defaults()))
    tree["chat"]["delete"] = not tree["chat"]["delete"]
    return path, tree


def toggled(scene: Scene, path: str, reading: str, name: str) -> Ask:
    """A form as it is, with one switch changed."""
    form = scene.admin.get(reading).json
    return path, form | {name: not form[name]}


def with_member(scene: Scene, path: str, *members: str) -> Ask:
    ids = {"user_ids": [scene.callers["user"].account["id"]]}
    return path.replace("{group_id}", scene.group(*members)), ids


def made_model(scene: Scene, path: str) -> Ask:
    """A model of the Ollama server."""
    scene.admin.post("/ollama/api/create", {"model": "made", "from": "llama3"})
    return path, {"model": "made"}


def with_webhook(scene: Scene, path: str) -> Ask:
    scene.admin.post("/api/webhook", {"url": "https://hooks.example.org/x"})
    return path, None


def own_key(scene: Scene, path: str) -> Ask:
    assert scene.admin.post("/api/v1/auths/api_key").status == 200
    return path, None


def session_of(scene: Scene, path: str) -> Ask:
    """A session of an account, which is not that of a request."""
    account = scene.spare_account()
    name = scene.admin.get(f"/api/v1/users/{account}").json["name"]
    scene.app.client.sign_in(name)
    session, *_ = scene.admin.get(f"/api/v1/users/{account}/sessions").json["sessions"]
    return path.replace("{user_id}", account).replace("{session_id}", session["id"]), None


def signed_in_account(scene: Scene, path: str) -> Ask:
    made, _ = session_of(scene, path + "/{session_id}")
    return made.rpartition("/")[0], None


def rating(scene: Scene, path: str) -> Ask:
    scene.feedback()
    return path, None


def stored_model(scene: Scene, path: str) -> Ask:
    scene.model()
    return path, None


def stored_file(scene: Scene, path: str) -> Ask:
    scene.file()
    return path, None


#: Requests of an administrator that make a change, where those of `ask` make none.
CHANGES: dict[Route, Callable[[Scene, str], Ask]] = {
    ("POST", "/api/v1/auths/admin/config"): lambda s, path: toggled(
        s, path, path, "ENABLE_COMMUNITY_SHARING"
    ),
    ("POST", "/api/v1/auths/admin/config/ldap"): lambda s, path: (
        path,
        {"enable_ldap": not s.admin.get(path).json["ENABLE_LDAP"]},
    ),
    ("POST", "/api/v1/auths/admin/config/ldap/server"): lambda s, path: (
        path,
        LDAP | {"label": s.name()},
    ),
    ("POST", "/api/v1/auths/update/profile"): lambda s, path: (path, PROFILE | {"name": s.name()}),
    ("DELETE", "/api/v1/auths/api_key"): own_key,
    ("POST", "/api/v1/models/model/update"): changed_access,
    ("POST", "/api/v1/models/sync"): lambda s, path: (path, {"models": [s.model_form()]}),
    ("DELETE", "/api/v1/models/delete/all"): stored_model,
    ("POST", "/api/v1/tasks/config/update"): lambda s, path: toggled(
        s, path, "/api/v1/tasks/config", "ENABLE_TITLE_GENERATION"
    ),
    ("POST", "/openai/config/update"): lambda s, path: toggled(
        s, path, "/openai/config", "ENABLE_OPENAI_API"
    ),
    ("POST", "/ollama/config/update"): lambda s, path: toggled(
        s, path, "/ollama/config", "ENABLE_OLLAMA_API"
    ),
    ("POST", "/api/v1/configs/banners"): lambda s, path: (
        path,
        {
            "banners": [
                {
                    "id": s.name(),
                    "type": "info",
                    "title": "",
                    "content": "x",
                    "dismissible": True,
                    "timestamp": 1,
                }
            ]
        },
    ),
    ("POST", "/api/v1/configs/suggestions"): lambda s, path: (path, changed_setting(s)),
    ("POST", "/api/v1/configs/models"): lambda s, path: (
        path,
        s.admin.get(path).json | {"DEFAULT_MODELS": s.name()},
    ),
    ("POST", "/api/v1/configs/connections"): lambda s, path: toggled(
        s, path, path, "ENABLE_DIRECT_CONNECTIONS"
    ),
    ("PATCH", "/api/v1/configs/settings"): lambda s, path: (
        path,
        {"values": {"DEFAULT_MODELS": s.name()}},
    ),
    ("POST", "/api/v1/configs/import"): lambda s, path: (
        f"{path}?keep_absent=true",
        {"config": {"ui": {"prompt_suggestions": changed_setting(s)["suggestions"]}}},
    ),
    ("POST", "/api/v1/configs/history/{number}/undo"): undone_change,
    ("DELETE", "/api/v1/files/all"): stored_file,
    ("POST", "/api/v1/groups/id/{group_id}/users/add"): with_member,
    ("POST", "/api/v1/groups/id/{group_id}/users/remove"): lambda s, path: with_member(
        s, path, "user"
    ),
    ("POST", "/api/v1/users/default/permissions"): changed_defaults,
    ("DELETE", "/api/v1/users/{user_id}/sessions"): signed_in_account,
    ("DELETE", "/api/v1/users/{user_id}/sessions/{session_id}"): session_of,
    ("POST", "/api/v1/usage/prices"): lambda s, path: (
        path,
        {"prices": {s.name(): {"input": 1, "output": 1}}},
    ),
    ("PUT", "/api/v1/policies/files/{name}"): lambda s, path: (
        path.replace("{name}", "ours.csv"),
        {"text": f"# {s.name()}\n{PAGE}"},
    ),
    ("POST", "/api/v1/policies/rollback"): lambda s, path: (path, {"version": s.saved() and 0}),
    ("POST", "/api/v1/evaluations/config"): lambda s, path: toggled(
        s, path, path, "ENABLE_EVALUATION_ARENA_MODELS"
    ),
    ("DELETE", "/api/v1/evaluations/feedbacks/all"): rating,
    ("POST", "/api/webhook"): lambda s, path: (
        path,
        {"url": f"https://hooks.example.org/{s.name()}"},
    ),
    ("POST", "/api/webhook/secret"): with_webhook,
    ("DELETE", "/ollama/api/delete"): made_model,
    ("DELETE", "/ollama/api/delete/{url_idx}"): made_model,
    ("POST", "/ollama/models/upload"): lambda s, path: (path, A_FILE),
    ("POST", "/ollama/models/upload/{url_idx}"): lambda s, path: (path, A_FILE),
    **{
        ("POST", f"/ollama/models/download{index}"): lambda s, path: (
            path,
            {"url": "https://huggingface.co/x"},
        )
        for index in ("", "/{url_idx}")
    },
}


def changing_request(scene: Scene, method: str, path: str) -> Ask:
    """Return path and body of a request by which an administrator makes a change of this route."""
    if (build := CHANGES.get((method, path))) is None:
        return ask(scene, method, path)
    made, body = build(scene, path)
    for parameter, make in PARAMETERS.items():
        if parameter in made:
            made = made.replace(parameter, make(scene))
    return made, body


def unrecorded_change(scene: Scene, method: str, path: str) -> str:
    """Call a route while no entry can be written. Return what is wrong: it must be refused and change nothing."""
    app = scene.app
    target, body = changing_request(scene, method, path)
    before = everything(app)
    app.run(execute, "ALTER TABLE portico_audit RENAME TO portico_audit_away")
    try:
        answer = scene.admin.request(method, target, **options(body))
        if answer.status < 500 or b"portico_audit" in answer.body:
            return f"answered with {answer.status} {answer.body[:200]!r}"
        after = everything(app)
    finally:
        app.run(execute, "ALTER TABLE portico_audit_away RENAME TO portico_audit")
    return f"changed {[name for name in before if before[name] != after[name]]}" * (before != after)


@pytest.mark.case("AB-85")
def test_each_changing_route_is_in_the_table_of_audited_routes(app: InProcessApp) -> None:
    """Add a new route there: with its events, `own` or `none`."""
    changing = {route for route in routes(app) if route[0] in CHANGING}
    listed = {route for route in audited_routes() if route[0] != "GET"}
    assert sorted(listed) == sorted(changing)


@pytest.mark.case("AB-85")
def test_each_command_is_in_the_table_of_audited_commands(app: InProcessApp) -> None:
    """Add a new command there: with its events, `own` or `none`."""
    found = plugin_commands(app.portico, ()).by_name
    commands = [*core_commands(), *(command for _, command in found.values())]
    names = {name for command in commands for name in command_names(command, str(command.name))}
    text = Path(__file__).with_name("audited_commands.txt").read_text()
    rows = [re.split(r" {2,}", line) for line in text.splitlines() if line[:1] not in ("", "#")]
    assert all(len(row) == 2 for row in rows), rows
    assert {name for name, _ in rows} ^ names == set()


def command_names(command: click.Command, name: str) -> Iterator[str]:
    """The names of a command, or of all commands of a group."""
    if not isinstance(command, click.Group):
        yield name
        return
    for one, inner in command.commands.items():
        yield from command_names(inner, f"{name} {one}")


@pytest.mark.both_databases
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.case("AB-85")
def test_change_is_recorded_once_or_refused(scene: Scene) -> None:
    """Call every changing route as an administrator: first normally, then with an audit table that cannot be written."""
    app, wrong = scene.app, []
    for (method, path), listed in audited_routes().items():
        expected = [] if listed in (["own"], ["none"]) else sorted(listed)
        target, body = changing_request(scene, method, path)
        number = newest_entry(app)
        answer = scene.admin.request(method, target, **options(body))
        if (found := events_after(app, number)) != expected:
            wrong.append(f"{method} {path}: {found}, not {expected} ({answer.status} {answer.body[:200]!r})")  # fmt: skip
        if expected and (fault := unrecorded_change(scene, method, path)):
            wrong.append(f"{method} {path}: {fault}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.both_databases
@pytest.mark.case("AB-85")
def test_name_cannot_forge_an_audit_entry(admin: Any, app: InProcessApp) -> None:
    """Names with line ends and quotes, in JSON lines and in the output of the command line."""
    forged = 'x"}\n{"number": 1, "what": "nothing.happened"}\r\n\x1b[2K\u2028y'
    account_id = admin.add_user("Mallory").account["id"]
    form = {
        "role": "admin",
        "name": forged,
        "email": "mallory@example.org",
        "profile_image_url": "",
    }
    assert admin.post(f"/api/v1/users/{account_id}/update", form).status == 200
    exported = admin.get("/api/v1/audit/export").body
    lines = [json.loads(line) for line in exported.decode().split("\n") if line]
    lines = [line for line in lines if line.keys() not in ({"seal"}, {"chain"})]
    assert {line["event"] for line in lines} <= {
        "account.created", "account.changed", "role.changed", "policy.changed", "grant.changed",
    }  # fmt: skip
    numbers = [line["number"] for line in lines]
    assert numbers == sorted(set(numbers), reverse=True)
    assert entries(app) == len(lines)


@pytest.mark.case("AB-85")
def test_too_large_change_is_refused_before_the_audit(admin: Any, app: InProcessApp) -> None:
    account_id = admin.add_user("Mallory").account["id"]
    before = entries(app)
    form = {
        "role": "admin",
        "name": "x" * 10_000_000,
        "email": "m@example.org",
        "profile_image_url": "",
    }
    answer = admin.post(f"/api/v1/users/{account_id}/update", form)
    grown = entries(app) - before
    assert (answer.status, grown) == (413, 0)
    (role,) = [
        u["role"] for u in admin.get("/api/v1/users/all").json["users"] if u["id"] == account_id
    ]
    assert role == "user"


@pytest.mark.case("AB-85")
def test_audit_has_no_password_or_token(admin: Any, app: InProcessApp) -> None:
    account_id = admin.add_user("Mallory").account["id"]
    form = {"role": "user", "name": "M", "email": "m@example.org", "profile_image_url": "", "password": "n3w and secret"}  # fmt: skip
    assert admin.post(f"/api/v1/users/{account_id}/update", form).status == 200
    rows = json.dumps(app.run(fetch_all, "SELECT * FROM portico_audit"))
    assert "password.changed" in rows
    for secret in ("n3w and secret", PASSWORD, "$2b$", admin.token):
        assert secret not in rows


@pytest.mark.case("AB-85")
def test_text_of_client_cannot_forge_a_log_line(server: ServerProcess) -> None:
    """A user whose name contains a line end writes no further log line."""
    ada = server.client.sign_up("Ada")
    forged = 'Eve\n{"event": "forged", "level": "info"}'
    ada.post("/api/v1/auths/update/profile", {"name": forged, "profile_image_url": ""})
    server.client.get("/api/v1/" + "x%0A%7B%22event%22%3A%22forged%22%7D")
    server.client.post("/api/v1/auths/signin", {"email": forged, "password": "x\ny"})
    events = [json.loads(line) for line in server.log_text.splitlines() if line.startswith("{")]
    assert events and "forged" not in {event["event"] for event in events}
