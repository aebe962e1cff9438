"""Sharing of a model when a group or user it is shared with is deleted."""

from typing import Any

import pytest
from tests.plugins.models.conftest import AddGroup, form

from portico.api.db import fetch_all
from portico.testing import Client, InProcessApp

CREATE = "/api/v1/models/create"
ONE = "/api/v1/models/model?id=legal-desk"


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | {"PORTICO_PLUGINS_ONLY": "accounts,password,models,groups"}


Shared = tuple[str, dict[str, Any]]


@pytest.fixture(params=["group", "user"])
def shared(
    request: pytest.FixtureRequest, admin: Client, ann: Client, bob: Client, add_group: AddGroup
) -> Shared:
    """Share a model with a principal. Return the request path that deletes the principal, and the sharing after it."""
    crew, kept = add_group(bob), add_group(ann)
    removed = {"group": {"group_ids": [crew]}, "user": {"user_ids": [bob.account["id"]]}}
    write = removed[request.param]
    remaining = {"group_ids": [kept], "user_ids": [ann.account["id"]]}
    read = {name: [*write.get(name, []), *ids] for name, ids in remaining.items()}
    access = {"read": read, "write": write}
    assert admin.post(CREATE, form(access_control=access)).status == 200
    path = f"groups/id/{crew}/delete" if request.param == "group" else f"users/{bob.account['id']}"
    no_principals: dict[str, list[str]] = {"group_ids": [], "user_ids": []}
    return f"/api/v1/{path}", {"read": remaining, "write": no_principals}


def listed(who: Client) -> Any:
    """The sharing in the list of all models."""
    found = {one["id"]: one for one in who.get("/api/models").json["data"]}
    return found["legal-desk"]["info"]["access_control"]


def test_deleted_principal_disappears_from_sharing_immediately(
    admin: Client, ann: Client, shared: Shared
) -> None:
    path, remaining = shared
    before = admin.get(ONE).json["access_control"]
    assert listed(admin) == listed(ann) == before != remaining

    assert admin.delete(path).status == 200

    assert admin.get(ONE).json["access_control"] == ann.get(ONE).json["access_control"] == remaining
    assert listed(admin) == listed(ann) == remaining
    (item,) = admin.get("/api/v1/models/list").json["items"]
    assert item["access_control"] == remaining


def test_lost_grant_is_stored_as_version_and_audited(
    app: InProcessApp, admin: Client, shared: Shared
) -> None:
    path, remaining = shared
    before = admin.get(ONE).json

    admin.delete(path)

    newest = admin.get("/api/v1/models/model/versions?id=legal-desk").json["items"][0]
    assert (newest["change"], newest["author"]) == ("unshared", admin.account["id"])
    past = admin.get(f"/api/v1/models/model/version?id=legal-desk&number={newest['number']}")
    assert past.json["document"]["access_control"] == before["access_control"]
    assert admin.get(ONE).json == before | {"access_control": remaining}

    noted = app.run(
        fetch_all, "SELECT * FROM portico_audit WHERE event = 'grant.changed' ORDER BY number DESC"
    )
    assert noted[0]["resource_id"] == "legal-desk"
    assert noted[0]["author"] == admin.account["id"]


def test_deleted_principal_without_grants_changes_no_model(
    admin: Client, bob: Client, add_group: AddGroup, app: InProcessApp
) -> None:
    crew = add_group(bob)
    admin.post(CREATE, form(access_control=None))
    admin.delete(f"/api/v1/groups/id/{crew}/delete")
    admin.delete(f"/api/v1/users/{bob.account['id']}")
    assert admin.get("/api/v1/models/model/versions?id=legal-desk").json["total"] == 1
