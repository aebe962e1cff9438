"""Users over HTTP: lists, one user, changing and deleting accounts."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.error_details import NOT_FOUND

from portico.boot import Application
from portico.db import execute, fetch_all
from portico.testing import PASSWORD, Client, InProcessApp

USERS = "/api/v1/users"
ACTION_PROHIBITED = "The requested action has been restricted as a security measure."
PNG = "data:image/png;base64,iVBORw0KGgo="
USER = [
    "id", "email", "username", "role", "name", "profile_image_url", "profile_banner_image_url", "bio", "gender",
    "date_of_birth", "timezone", "presence_state", "status_emoji", "status_message", "status_expires_at", "info",
    "settings", "oauth", "last_active_at", "updated_at", "created_at",
]  # fmt: skip
INFO = ["id", "name", "email", "role", "status_emoji", "status_message", "status_expires_at"]


def form(client: Client, **change: Any) -> dict[str, Any]:
    """Return an account as the form of administrators sends it."""
    names = ("role", "name", "email", "profile_image_url")
    return {name: client.account[name] for name in names} | change


def path(client: Client, rest: str = "") -> str:
    return f"{USERS}/{client.account['id']}{rest}"


def make_group(admin: Client, *members: Client) -> str:
    created = admin.post("/api/v1/groups/create", {"name": "G", "description": ""}).json["id"]
    ids = {"user_ids": [one.account["id"] for one in members]}
    assert admin.post(f"/api/v1/groups/id/{created}/users/add", ids).status == 200
    return str(created)


@pytest.mark.both_databases
def test_user_list_contains_accounts_and_their_groups(admin: Client, user: Client) -> None:
    group = make_group(admin, user)
    answer = admin.get(f"{USERS}/")
    assert answer.status == 200 and answer.json["total"] == 2
    users = {one["name"]: one for one in answer.json["users"]}
    assert [list(one) for one in answer.json["users"]] == [[*USER, "group_ids"]] * 2
    assert users["Ben"]["group_ids"] == [group] and users["Ada"]["group_ids"] == []
    assert users["Ben"]["email"] == "ben@example.org"
    first = admin.get(f"{USERS}/?order_by=group_id:{group}&direction=desc&page=1").json["users"]
    assert [one["name"] for one in first] == ["Ben", "Ada"]
    found = admin.get(f"{USERS}?query=EN%40exam&order_by=name&direction=asc").json
    assert [one["name"] for one in found["users"]] == ["Ben"] and found["total"] == 1


def test_list_of_all_users_is_in_short_form(admin: Client, user: Client) -> None:
    answer = admin.get(f"{USERS}/all").json
    assert answer["total"] == 2 and [list(one) for one in answer["users"]] == [INFO] * 2
    assert {one["email"] for one in answer["users"]} == {"ada@example.org", "ben@example.org"}


def test_search_shows_users_no_addresses_of_others(admin: Client, user: Client) -> None:
    answer = user.get(f"{USERS}/search").json
    assert answer["total"] == 2 and [list(one) for one in answer["users"]] == [INFO] * 2
    assert {one["name"]: one["email"] for one in answer["users"]} == {
        "Ada": "",
        "Ben": "ben@example.org",
    }
    assert user.get(f"{USERS}/search?query=AD").json["total"] == 1
    assert user.get(f"{USERS}/search?query=ada%40").json["total"] == 0
    assert user.get(f"{USERS}/search?order_by=email").status == 422
    assert admin.get(f"{USERS}/search?query=ben%40").json["users"][0]["email"] == "ben@example.org"


@pytest.mark.both_databases
def test_setting_shows_addresses_in_search(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"PORTICO_ACCOUNTS_SHOW_EMAILS_IN_SEARCH": "true"}, complete_schema)
    try:
        ben = app.client.sign_up("Ada").add_user("Ben")
        found = ben.get(f"{USERS}/search?query=ada%40&order_by=email").json["users"]
        assert [one["email"] for one in found] == ["ada@example.org"]
    finally:
        app.close()


@pytest.mark.parametrize(
    ("query", "status"),
    [("page=0", 200), ("page=-1", 200), ("page=100000000000000000000", 200), ("page=abc", 422), ("page=1e20", 422),
     ("order_by=__class__", 422), ("order_by=password", 422), ("order_by=group_id:", 200), ("order_by=group_id:%00", 200),
     ("direction=;drop", 200), ("query=%25", 200), ("query=%00", 200), ("query=%ED%A0%80%FF", 200),
     ("query=" + "a" * 2000, 422)],
)  # fmt: skip
@pytest.mark.case("AB-42")
def test_any_query_is_answered_or_refused(admin: Client, query: str, status: int) -> None:
    assert admin.get(f"{USERS}/?{query}").status == status
    assert admin.get(f"{USERS}/search?{query}").status == status


def test_account_is_shown_in_full_to_its_user_and_administrators(
    admin: Client, user: Client
) -> None:
    for viewer in (admin, user):
        found = viewer.get(path(user)).json
        assert list(found) == [*USER, "is_active"]
        assert (found["email"], found["is_active"], found["oauth"]) == (
            "ben@example.org",
            True,
            None,
        )
    missing = admin.get(f"{USERS}/unknown")
    assert (missing.status, missing.detail) == (404, NOT_FOUND)
    assert user.get(f"{USERS}/unknown").status == admin.get(f"{USERS}/%00").status == 404


def test_activity_of_a_user_is_shown_to_all_users(admin: Client, user: Client) -> None:
    assert user.get(path(admin, "/active")).json == {"active": True}
    assert user.get(f"{USERS}/unknown/active").json == {"active": False}
    admin.delete(path(user))
    assert admin.get(path(user, "/active")).json == {"active": False}


def test_last_active_time_survives_a_restart(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    first = InProcessApp(env, complete_schema)
    admin = first.client.sign_up("Ada")
    first.run(execute, "UPDATE portico_account SET last_active_at = 1")
    assert admin.get(path(admin)).json["last_active_at"] > 1
    first.close()
    second = InProcessApp(env, complete_schema)
    try:
        found = second.run(fetch_all, "SELECT last_active_at FROM portico_account")
        assert found[0]["last_active_at"] > 1
        # The stored value is enough for a user that this process has not seen.
        eve = Client(second.client.transport).sign_up("Eve")
        assert eve.get(path(admin, "/active")).json == {"active": True}
        second.run(execute, "UPDATE portico_account SET last_active_at = 1")
        assert eve.get(path(admin, "/active")).json == {"active": False}
    finally:
        second.close()


def test_account_without_provider_sessions_is_not_found(admin: Client, user: Client) -> None:
    assert admin.get(path(user, "/oauth/sessions")).status == 404
    assert user.get(path(user, "/oauth/sessions")).status == 403


def test_administrators_change_an_account(admin: Client, user: Client) -> None:
    change = form(user, name="Benno", email="BENNO@example.org", profile_image_url=PNG, role="user")
    answer = admin.post(path(user, "/update"), change)
    assert answer.status == 200 and list(answer.json) == USER
    assert answer.json["email"] == "benno@example.org" and answer.json["profile_image_url"] == PNG
    assert user.get(path(user)).json["name"] == "Benno", "the session lives on"
    again = admin.post(
        path(user, "/update"), change | {"password": "another", "email": "ben@example.org"}
    )
    assert again.status == 200
    assert user.get(path(user)).status == 401, "another password ends it"
    assert Client(admin.transport).sign_in("Ben", "another").account["name"] == "Benno"
    assert (
        admin.post(path(user, "/update"), change | {"role": "pending", "password": ""}).status
        == 200
    )
    assert admin.get(path(user)).json["role"] == "pending"


def test_activated_account_keeps_its_session(admin: Client) -> None:
    pending = admin.add_user("Kim", "pending")
    assert pending.get("/api/v1/chats/").status == 403
    for role in ("user", "admin"):
        assert admin.post(path(pending, "/update"), form(pending, role=role)).status == 200
        answer = pending.get("/api/v1/auths/")
        assert (answer.status, answer.json["role"]) == (200, role)
    assert pending.get(f"{USERS}/").status == 200
    assert admin.post(path(pending, "/update"), form(pending, role="user")).status == 200
    assert pending.get("/api/v1/auths/").status == 401, "an administrator no more"


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"email": "ADA@example.org"}, 400, "already registered"),
        ({"email": "no address"}, 400, "email format"),
        ({"role": "root"}, 400, "[ERROR: Invalid role]"),
        ({"password": "a" * 73}, 400, "72 bytes"),
        ({"profile_image_url": "data:image/svg+xml;base64,AAAA"}, 400, "Invalid profile image"),
        ({"name": "a" * 257}, 400, "256 characters"),
        ({"name": None}, 422, "name"),
        (
            {"profile_image_url": "data:image/png;base64,iVBORw0KGgo" + "A" * 262_145},
            413,
            "256 KiB",
        ),
    ],
)
def test_invalid_change_of_an_account_is_refused_with_its_reason(
    admin: Client, user: Client, change: dict[str, Any], status: int, detail: str
) -> None:
    before = admin.get(path(user)).json
    answer = admin.post(path(user, "/update"), form(user, **({"name": "X"} | change)))
    assert answer.status == status and detail in str(answer.detail)
    assert admin.get(path(user)).json["updated_at"] == before["updated_at"]
    assert admin.get(path(user)).json["name"] == "Ben"


def test_unknown_account_cannot_be_changed_or_deleted(admin: Client, user: Client) -> None:
    answer = admin.post(f"{USERS}/unknown/update", form(user))
    assert (answer.status, answer.detail) == (404, NOT_FOUND)
    answer = admin.delete(f"{USERS}/unknown")
    assert (answer.status, answer.detail) == (404, NOT_FOUND)


def test_deleting_an_account_deletes_its_sessions_and_chats(admin: Client, user: Client) -> None:
    chat = user.post("/api/v1/chats/new", {"chat": {"title": "mine"}}).json["id"]
    answer = admin.delete(path(user))
    assert (answer.status, answer.json) == (200, True)
    assert user.get(f"/api/v1/chats/{chat}").status == 401
    assert admin.get(path(user)).status == 404
    assert admin.get(f"{USERS}/").json["total"] == 1
    refused = Client(admin.transport).post(
        "/api/v1/auths/signin", {"email": "ben@example.org", "password": PASSWORD}
    )
    assert refused.status == 400


@pytest.mark.parametrize(
    ("query", "found"), [("", 200), ("?delete_content=false", 200), ("?delete_content=true", 404)]
)
def test_shared_content_of_a_deleted_account_is_transferred_or_deleted(
    app: InProcessApp, admin: Client, user: Client, query: str, found: int
) -> None:
    model = {"id": "desk", "base_model_id": "gpt", "name": "Desk", "meta": {}, "params": {}}
    assert admin.post("/api/v1/models/create", model).status == 200
    app.run(execute, "UPDATE models_model SET user_id = $1", user.account["id"])
    assert admin.delete(path(user) + query).status == 200
    answer = admin.get("/api/v1/models/model?id=desk")
    assert answer.status == found
    if found == 200:
        assert answer.json["user_id"] == admin.account["id"]


def test_invalid_delete_content_flag_deletes_no_account(admin: Client, user: Client) -> None:
    assert admin.delete(path(user) + "?delete_content=maybe").status == 422
    assert user.get(path(user)).status == 200


def test_administrators_cannot_delete_their_own_account(admin: Client) -> None:
    other = admin.add_user("Eve", role="admin")
    for one in (admin, other):
        answer = one.delete(path(one))
        assert (answer.status, answer.detail) == (403, ACTION_PROHIBITED)
        assert one.get(path(one)).status == 200


def test_routes_of_administrators_are_refused_to_users(client: Client, user: Client) -> None:
    mine = path(user)
    for method, route, body in (
        ("GET", f"{USERS}/", None),
        ("GET", f"{USERS}/all", None),
        ("GET", f"{mine}/oauth/sessions", None),
        ("POST", f"{mine}/update", form(user)),
        ("DELETE", mine, None),
    ):
        assert client.request(method, route, json=body).status == 401
        assert user.request(method, route, json=body).status == 403
    assert user.get(mine).status == 200


def test_pending_account_sees_no_users(admin: Client) -> None:
    pending = admin.add_user("Eve", role="pending")
    for route in ("/search", "/user/info", "/user/status", f"/{pending.account['id']}",
                  f"/{admin.account['id']}/profile/image", f"/{admin.account['id']}/active"):  # fmt: skip
        assert pending.get(USERS + route).status == 403, route
    assert pending.get(f"{USERS}/user/settings").json is None
