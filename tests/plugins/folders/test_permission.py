"""The operator's switch and the permission that every route checks."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.error_details import ACCESS_PROHIBITED
from tests.plugins.folders.conftest import FOLDERS, NOWHERE, new_folder, stored

from portico.api.interfaces import FolderLookup
from portico.boot import Application
from portico.testing import Client, InProcessApp

PERMISSION = "USER_PERMISSIONS_FEATURES_FOLDERS"


def every_route(folder_id: str) -> list[tuple[str, str, Any]]:
    path = f"{FOLDERS}{folder_id}"
    return [
        ("GET", FOLDERS, None),
        ("POST", FOLDERS, {"name": "New"}),
        ("POST", FOLDERS, 5),  # without the permission the body is not read
        ("GET", path, None),
        ("POST", f"{path}/update", {"name": "New"}),
        ("POST", f"{path}/update/parent", {"parent_id": None}),
        ("POST", f"{path}/update/expanded", {"is_expanded": True}),
        ("DELETE", path, None),
    ]


def refused(user: Client, folder_id: str) -> None:
    for method, path, body in every_route(folder_id):
        answer = user.request(method, path, json=body)
        assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED), (method, path)


def test_every_route_is_listed(app: InProcessApp) -> None:
    (mine,) = (one for one in app.portico.contributions if one.plugin_name == "folders")
    asked = {(method, path.rstrip("/")) for method, path, _ in every_route("{folder_id}")}
    routes = {
        (method, route.path_format)
        for route in mine.router.routes
        for method in route.methods
        if method not in ("OPTIONS", "HEAD")
    }
    assert routes == asked


@pytest.mark.case("D-CHAT-11")
def test_every_route_requires_permission(
    env: dict[str, str], request: pytest.FixtureRequest
) -> None:
    env[PERMISSION] = "false"
    app: InProcessApp = request.getfixturevalue("app")
    admin: Client = request.getfixturevalue("admin")
    ann = admin.add_user("Ann")
    mine = new_folder(admin)

    for folder_id in (mine, NOWHERE):
        refused(ann, folder_id)
    assert [row["id"] for row in stored(app)] == [mine]
    assert admin.get(FOLDERS + mine).status == 200

    form = {"name": "Staff", "description": "", "permissions": {"features": {"folders": True}}}
    group = admin.post("/api/v1/groups/create", form).json["id"]
    members = {"user_ids": [ann.account["id"]]}
    assert admin.post(f"/api/v1/groups/id/{group}/users/add", members).status == 200
    theirs = new_folder(ann)
    assert ann.get(FOLDERS).status == 200
    admin.post(f"/api/v1/groups/id/{group}/users/remove", members)
    refused(ann, theirs)


@pytest.mark.case("D-CHAT-11")
def test_disabled_folders_refuse_every_route(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env, complete_schema)
    mine = new_folder(app.client.sign_up("Ada"))
    assert app.portico.context.services.get(FolderLookup) is not None
    app.close()

    app = InProcessApp(env | {"ENABLE_FOLDERS": "false"}, complete_schema)
    admin = app.client.sign_in("Ada")
    for user in (admin, admin.add_user("Ann")):
        refused(user, mine)
    assert app.portico.context.services.get(FolderLookup) is None
    assert [row["id"] for row in stored(app)] == [mine]
    app.close()


def test_visitors_and_pending_accounts_are_refused(client: Client, admin: Client) -> None:
    refused(admin.add_user("Eve", role="pending"), NOWHERE)
    for method, path, body in every_route(NOWHERE):
        assert client.request(method, path, json=body).status == 401
