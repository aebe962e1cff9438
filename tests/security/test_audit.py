"""Attacks on the audit trail."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api_keys import ON
from tests.repository.fixtures import Scene, ask, options
from tests.repository.test_route_access import routes
from tests.upstream import Upstream

from portico.db import execute, fetch_all
from portico.testing import PASSWORD, InProcessApp, ServerProcess

#: Routes whose changes must be audited.
AUDITED = {
    ("POST", "/api/v1/auths/add"),
    ("POST", "/api/v1/users/{user_id}/update"),
    ("DELETE", "/api/v1/users/{user_id}"),
    ("POST", "/api/v1/users/default/permissions"),
    ("POST", "/api/v1/groups/create"),
    ("POST", "/api/v1/groups/id/{group_id}/update"),
    ("DELETE", "/api/v1/groups/id/{group_id}/delete"),
    ("POST", "/api/v1/groups/id/{group_id}/users/add"),
    ("POST", "/api/v1/groups/id/{group_id}/users/remove"),
    ("POST", "/api/v1/models/create"),
    ("PUT", "/api/v1/policies/files/{name}"),
    ("DELETE", "/api/v1/policies/files/{name}"),
    ("POST", "/api/v1/policies/rollback"),
}
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
    app = InProcessApp(env | upstream.environment | ON, complete_schema)
    yield Scene(app)
    app.close()


def entries(app: InProcessApp) -> int:
    (found,) = app.run(fetch_all, "SELECT count(*) AS n FROM portico_audit")
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


def changing_request(scene: Scene, method: str, path: str) -> tuple[str, Any]:
    """Return path and body of a request that makes a change of this route which must be audited."""
    if path.endswith(("/users/add", "/users/remove")):
        group = scene.group(*(["user"] if path.endswith("remove") else []))
        ids = {"user_ids": [scene.callers["user"].account["id"]]}
        return path.replace("{group_id}", group), ids
    if path.endswith("/default/permissions"):
        tree = json.loads(json.dumps(scene.defaults()))
        tree["chat"]["delete"] = not tree["chat"]["delete"]
        return path, tree
    if path.endswith("/update") and "{group_id}" in path:
        made, body = ask(scene, method, path)
        return made, body | {"permissions": {"workspace": {"models": True}}}
    if path.endswith("/policies/files/{name}") and method == "PUT":
        text = f"# {scene.name()}\np, model, read, user:absent, allow\n"
        return path.replace("{name}", "ours.csv"), {"text": text}
    if path.endswith(("/config/ldap/server", "/update/profile")):
        made, body = ask(scene, method, path)
        return made, body | {"label": scene.name(), "name": scene.name()}
    if path.endswith("/models/delete/all"):
        scene.model()
    if path.endswith("/feedbacks/all"):
        scene.feedback()
    if path.endswith("/configs/suggestions"):
        return path, {"suggestions": [{"title": [scene.name()], "content": "x"}]}
    if path.endswith("/policies/rollback"):
        scene.saved()
    return ask(scene, method, path)


@pytest.mark.both_databases
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.case("AB-85")
def test_change_without_audit_entry_is_rolled_back(scene: Scene) -> None:
    """Call every changing route: first normally, then with an audit table that cannot be written."""
    app, admin, audited = scene.app, scene.admin, set()
    for method, path in sorted(set(routes(app))):
        if method not in ("POST", "PUT", "PATCH", "DELETE"):
            continue
        target, body = changing_request(scene, method, path)
        before = entries(app)
        admin.request(method, target, **options(body))
        if entries(app) == before:
            continue
        audited.add((method, path))
        target, body = changing_request(scene, method, path)
        was = everything(app)
        app.run(execute, "ALTER TABLE portico_audit RENAME TO portico_audit_away")
        try:
            answer = admin.request(method, target, **options(body))
            assert answer.status >= 500, (method, path, answer)
            assert b"portico_audit" not in answer.body
            assert everything(app) == was, (method, path)
        finally:
            app.run(execute, "ALTER TABLE portico_audit_away RENAME TO portico_audit")
    assert audited >= AUDITED, AUDITED - audited


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
