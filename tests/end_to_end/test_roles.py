"""Roles that an operator defines by policy rules alone, on all routes of models."""

import pytest

from portico.testing import Client

AUDITOR = """\
g, group:{group}, role:auditor
p, model, list, role:auditor, allow
p, model, read, role:auditor, allow
"""
MODEL_ADMIN = """\
g, group:{group}, role:model-admin
p, model, *, role:model-admin, allow
"""
MODEL = {"id": "desk", "name": "Desk", "base_model_id": "good", "meta": {}, "access_control": {}}


@pytest.fixture
def model(admin: Client) -> dict[str, object]:
    """Ada's, private."""
    form = MODEL | {"params": {"system": "Secret."}}
    assert admin.post("/api/v1/models/create", form).status == 200
    return form


def give(admin: Client, person: Client, page: str) -> None:
    group = admin.post("/api/v1/groups/create", {"name": "G", "description": ""}).json["id"]
    member = {"user_ids": [person.account["id"]]}
    assert admin.post(f"/api/v1/groups/id/{group}/users/add", member).status == 200
    saved = {"text": page.format(group=group)}
    answer = admin.request("PUT", "/api/v1/policies/files/roles-of-ours.csv", json=saved)
    assert answer.status == 200, answer


def turn(person: Client) -> int:
    body = {"model": "desk", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    return person.post("/api/chat/completions", body).status


def listed(person: Client) -> list[str]:
    return [one["id"] for one in person.get("/api/v1/models/list").json["items"]]


def test_auditor_role_reads_all_models_and_changes_none(
    admin: Client, user: Client, model: dict[str, object]
) -> None:
    assert listed(user) == []
    give(admin, user, AUDITOR)

    assert listed(user) == ["desk"]
    read = user.get("/api/v1/models/model?id=desk")
    assert read.status == 200
    assert read.json["params"] == {}
    assert user.post("/api/v1/models/model/update", model).status == 403
    assert user.post("/api/v1/models/model/delete", {"id": "desk"}).status == 403
    assert user.post("/api/v1/models/create", model | {"id": "other"}).status == 403
    assert turn(user) == 404
    assert user.get("/api/v1/models/base").status == 403


def test_model_admin_role_manages_models_like_administrators(
    admin: Client, user: Client, model: dict[str, object]
) -> None:
    give(admin, user, MODEL_ADMIN)

    assert listed(user) == ["desk"]
    assert user.get("/api/v1/models/model?id=desk").json["params"] == {"system": "Secret."}
    assert turn(user) == 200
    assert user.post("/api/v1/models/model/update", model | {"name": "New"}).status == 200
    assert user.post("/api/v1/models/create", model | {"id": "other"}).status == 200
    opened = {"id": "good", "name": "Good", "meta": {}, "params": {}, "access_control": None}
    assert user.post("/api/v1/models/create", opened).status == 200
    assert [one["id"] for one in user.get("/api/v1/models/base").json] == ["good"]
    assert "good" in [one["id"] for one in user.get("/api/models").json["data"]]
    assert user.post("/api/v1/models/model/delete", {"id": "desk"}).status == 200
    # Of models, and of nothing else.
    assert user.get("/api/v1/users/").status == 403
    assert user.get("/api/v1/policies").status == 403


def test_role_access_ends_with_its_rule(
    admin: Client, user: Client, model: dict[str, object]
) -> None:
    give(admin, user, AUDITOR)
    assert listed(user) == ["desk"]

    assert admin.delete("/api/v1/policies/files/roles-of-ours.csv").status == 200

    assert listed(user) == []
    assert user.get("/api/v1/models/model?id=desk").status == 404
