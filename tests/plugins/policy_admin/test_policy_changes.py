"""Preview, save, delete and roll back policy files over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from tests.plugins.policy_admin.conftest import add_model, put_policy_file

from portico.testing import Client, InProcessApp

OPEN = "p, model, list, role:user, allow\np, model, read, role:user, allow\n"


def can_list(who: Client) -> bool:
    return bool(who.get("/api/v1/models/list").json["items"])


def what_if(by: Client, files: dict[str, Any]) -> Any:
    return by.post("/api/v1/policies/preview", {"files": files})


def test_preview_reports_gains_and_saves_nothing(admin: Client, user: Client) -> None:
    add_model(admin)
    outcome = what_if(admin, {"open.csv": OPEN}).json
    assert (outcome["accounts"], outcome["total"]) == (1, 2)
    assert {(s["email"], s["action"], *s["gained"]) for s in outcome["changes"]} == {
        ("ben@example.org", "list", "legal-desk"),
        ("ben@example.org", "read", "legal-desk"),
    }
    assert outcome["changes"][0]["in_general"] == "gained"
    assert not can_list(user)
    assert admin.get("/api/v1/policies").json["version"] == 0


def test_preview_of_a_deletion_reports_losses(admin: Client, user: Client) -> None:
    add_model(admin)
    put_policy_file(admin, "open.csv", OPEN)
    outcome = what_if(admin, {"open.csv": None}).json
    assert [s["lost"] for s in outcome["changes"]] == [["legal-desk"]] * 2
    assert can_list(user)


def test_preview_of_a_moved_role_reports_gains(admin: Client, user: Client) -> None:
    add_model(admin)
    page = "g, user:{}, role:auditor\np, model, read, role:auditor, allow\n"
    put_policy_file(admin, "auditors.csv", page.format("absent"))
    outcome = what_if(admin, {"auditors.csv": page.format(user.account["id"])}).json
    (shift,) = outcome["changes"]
    assert (shift["email"], shift["action"]) == ("ben@example.org", "read")
    assert (shift["gained"], shift["gained_total"], shift["lost"]) == (["legal-desk"], 1, [])


def test_saved_file_is_active_at_once_and_can_be_deleted(admin: Client, user: Client) -> None:
    add_model(admin)
    assert put_policy_file(admin, "open.csv", OPEN).json == {"version": 1}
    assert can_list(user)
    assert admin.delete("/api/v1/policies/files/open.csv").json == {"version": 2}
    assert not can_list(user)
    assert admin.delete("/api/v1/policies/files/open.csv").status == 404


def test_saved_file_is_active_after_a_restart(
    env: dict[str, str], app: InProcessApp, admin: Client, user: Client
) -> None:
    add_model(admin)
    put_policy_file(admin, "open.csv", OPEN)
    app.close()
    again = InProcessApp(env)
    try:
        assert can_list(Client(again.client.transport, user.token))
    finally:
        again.close()


def test_versions_are_listed_and_can_be_rolled_back_to(admin: Client, user: Client) -> None:
    add_model(admin)
    put_policy_file(admin, "open.csv", OPEN)
    put_policy_file(admin, "open.csv", "# closed again\n")
    assert not can_list(user)
    assert admin.post("/api/v1/policies/rollback", {"version": 1}).json == {"version": 3}
    assert can_list(user)
    assert admin.post("/api/v1/policies/rollback", {"version": 0}).json == {"version": 4}
    assert not can_list(user)
    found = admin.get("/api/v1/policies/versions").json
    assert [(v["number"], v["files"]) for v in found["versions"]] == [
        (4, []),
        (3, ["open.csv"]),
        (2, ["open.csv"]),
        (1, ["open.csv"]),
    ]
    assert {v["author_name"] for v in found["versions"]} == {"Ada"}
    assert found["next"] is None
    one = admin.get("/api/v1/policies/versions/2").json
    assert one["files"] == {"open.csv": "# closed again\n"}
    assert [
        v["number"] for v in admin.get("/api/v1/policies/versions?before=3").json["versions"]
    ] == [2, 1]


def test_rollback_to_unknown_version_is_rejected(admin: Client) -> None:
    assert admin.post("/api/v1/policies/rollback", {"version": 7}).status == 404
    assert admin.post("/api/v1/policies/rollback", {"version": -1}).status == 422
    assert admin.post("/api/v1/policies/rollback", {"version": 10**30}).status == 404
    assert admin.post("/api/v1/policies/rollback", {}).status == 422


def test_invalid_file_is_rejected_with_every_fault(admin: Client) -> None:
    bad = "p, modl, read, role:user, allow\n# fine\np, model, read, role:usr, allow\n"
    for answer in (put_policy_file(admin, "bad.csv", bad), what_if(admin, {"bad.csv": bad})):
        assert answer.status == 400
        first, second = answer.detail.splitlines()
        assert first == "database/bad.csv:1: there is no kind 'modl'; did you mean 'model'?"
        assert second.startswith("database/bad.csv:3: there is no subject 'role:usr'")
    assert admin.get("/api/v1/policies").json["version"] == 0


def test_invalid_directory_is_reported_and_the_active_policies_stay(
    app: InProcessApp, policy_dir: Path, admin: Client, user: Client
) -> None:
    add_model(admin)
    page = policy_dir / "open.csv"
    page.write_text(OPEN)
    look = app.portico.policies.reload_if_changed
    while not can_list(user):
        app.run(look)
    page.write_text(OPEN + "p, model\n")
    while not (refused := admin.get("/api/v1/policies").json["rejected"]):
        app.run(look)
    assert refused == [f"{page}:3: 2 fields where 5 are expected: p, kind, action, subject, effect"]
    assert can_list(user)
    assert put_policy_file(admin, "more.csv", OPEN).detail.startswith(f"{page}:3: ")


@pytest.mark.parametrize("body", [{}, {"text": None}, {"text": 1}, [], 1])
def test_invalid_body_is_rejected(admin: Client, body: Any) -> None:
    answer = admin.request("PUT", "/api/v1/policies/files/x.csv", json=body)
    assert answer.status == 422
    assert what_if(admin, {"x.csv": body}).status == 422
    assert admin.post("/api/v1/policies/preview", body).status == 422
