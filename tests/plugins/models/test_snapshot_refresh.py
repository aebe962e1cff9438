"""Changes after a revision, with which the model list is refreshed."""

from typing import Any

import pytest
from tests.plugins.models.conftest import form

from portico.catalogue import WorkspaceModels
from portico.testing import Client, InProcessApp

CREATE = "/api/v1/models/create"
UPDATE = "/api/v1/models/model/update"


def records(app: InProcessApp) -> Any:
    return app.portico.context.services.require(WorkspaceModels)


def since(app: InProcessApp, revision: int) -> Any:
    return app.run(records(app).since, revision)


def test_since_returns_each_changed_model_once_in_its_current_state(
    app: InProcessApp, admin: Client
) -> None:
    for name in ("kept", "changed", "gone", "shared"):
        assert admin.post(CREATE, form(name)).status == 200
    before = app.run(records(app).revision)
    assert since(app, before) == {}

    admin.post(UPDATE, form("changed", name="New"))
    admin.post(UPDATE, form("changed", name="Newer"))
    admin.post("/api/v1/models/model/toggle?id=shared")
    admin.post(UPDATE, form("shared", access_control=None))
    admin.post("/api/v1/models/model/delete", {"id": "gone"})
    admin.post(CREATE, form("added"))

    found = since(app, before)
    assert found.keys() == {"changed", "shared", "gone", "added"}
    assert found["gone"] is None
    assert found["changed"].name == "Newer"
    assert bytes(found["shared"].access_control) == b"null"
    assert since(app, app.run(records(app).revision)) == {}


def test_since_contains_transferred_models(app: InProcessApp, admin: Client, ann: Client) -> None:
    ann.post(CREATE, form("legacy"))
    before = app.run(records(app).revision)

    assert admin.delete(f"/api/v1/users/{ann.account['id']}").status == 200

    found = since(app, before)
    assert found["legacy"].owner_id == admin.account["id"]


def test_since_returns_none_after_too_many_changes(
    app: InProcessApp, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        admin.post(CREATE, form(f"m{number}"))
    monkeypatch.setattr("portico_models.records.change_log.MAX_CHANGES", 2)

    assert since(app, 0) is None


def test_since_contains_imported_and_synced_models(
    app: InProcessApp, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = admin.post(CREATE, form("same")).json
    admin.post(CREATE, form("gone"))
    left = admin.get("/api/v1/models/export?id=same").body
    monkeypatch.setattr("portico_models.transfer.writer.now", lambda: created["updated_at"] + 60)

    before = app.run(records(app).revision)
    assert admin.post("/api/v1/models/import", body=left).json is True
    assert since(app, before) == {}
    assert admin.post("/api/v1/models/import", [form("new")]).json is True
    assert since(app, before).keys() == {"new"}

    assert admin.post("/api/v1/models/sync", body=left).status == 200
    found = since(app, before)
    assert found.keys() == {"same", "gone", "new"}
    assert found["same"].updated_at == created["updated_at"] + 60
    assert (found["gone"], found["new"]) == (None, None)
