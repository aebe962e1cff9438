"""Settings, information and status of a user, and the picture that other users see."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from portico.boot import Application
from portico.testing import Client, InProcessApp

USERS = "/api/v1/users"
SETTINGS = f"{USERS}/user/settings"
WEBP = "data:image/webp;base64," + base64.b64encode(b"RIFF\x00\x00\x00\x00WEBPrest").decode()


def path(client: Client, rest: str = "") -> str:
    return f"{USERS}/{client.account['id']}{rest}"


def test_settings_are_null_until_stored(user: Client) -> None:
    assert user.get(SETTINGS).json is None
    sent = {"ui": {"version": "0.6.41", "params": {}}, "other": [1, None, "ü"]}
    assert user.post(f"{SETTINGS}/update", sent).json == sent
    assert user.get(SETTINGS).json == sent
    # `ui` is replaced each time, other keys stay.
    assert user.post(f"{SETTINGS}/update", {"more": 1}).json == {
        "ui": {}, "other": sent["other"], "more": 1,
    }  # fmt: skip
    assert user.post(f"{SETTINGS}/update", {"ui": None}).json["ui"] == {}


def test_invalid_settings_are_refused(user: Client) -> None:
    for body, place in (
        (b"[]", "body"), (b"null", "body"), (b'{"ui": 5}', "ui"), (b'{"ui": []}', "ui"), (b"{", "body"), (b"", "body"),
        (b'{"a": "\xff"}', "body"),
    ):  # fmt: skip
        answer = user.post(f"{SETTINGS}/update", body=body)
        assert answer.status == 422 and place in answer.detail[0]["loc"], body
    assert user.get(SETTINGS).json is None


@pytest.mark.parametrize("permitted", ["true", "false"])
def test_tool_servers_are_stored_with_the_permission_only(
    env: dict[str, str], permitted: str, complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(
        env | {"USER_PERMISSIONS_FEATURES_DIRECT_TOOL_SERVERS": permitted}, complete_schema
    )
    try:
        admin = app.client.sign_up("Ada")
        ben = admin.add_user("Ben")
        sent = {"ui": {"toolServers": [{"url": "x"}], "theme": "dark"}}
        assert admin.post(f"{SETTINGS}/update", sent).json == sent
        stored = ben.post(f"{SETTINGS}/update", sent).json
        assert stored == (sent if permitted == "true" else {"ui": {"theme": "dark"}})
        assert ben.get(SETTINGS).json == stored
    finally:
        app.close()


def test_info_is_merged_by_top_level_key(user: Client, admin: Client) -> None:
    assert user.get(f"{USERS}/user/info").json is None
    user.post(f"{USERS}/user/info/update", {"location": "here", "a": 1})
    assert user.post(f"{USERS}/user/info/update", {"location": {}}).json == {
        "location": {},
        "a": 1,
    }
    assert user.get(f"{USERS}/user/info").json == {"location": {}, "a": 1}
    assert admin.get(f"{USERS}/user/info").json is None


@pytest.mark.both_databases
def test_concurrent_changes_are_all_stored(user: Client) -> None:
    def send(number: int) -> int:
        return user.post(f"{USERS}/user/info/update", {f"k{number}": number}).status

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(16))) == {200}
    assert user.get(f"{USERS}/user/info").json == {f"k{n}": n for n in range(16)}


def test_status_is_stored_and_shown(user: Client, admin: Client) -> None:
    status = {"status_emoji": "🏖", "status_message": "a\x00way", "status_expires_at": 4_000_000_000}
    account = user.post(f"{USERS}/user/status/update", status).json
    assert (account["email"], account["status_message"]) == ("ben@example.org", "away")
    user.post(f"{USERS}/user/status/update", {"status_message": "back", "status_emoji": None})
    own = user.get(f"{USERS}/user/status").json
    assert (own["status_emoji"], own["status_message"]) == ("🏖", "back")
    assert own["status_expires_at"] == 4_000_000_000
    assert user.get("/api/v1/auths/").json["status_message"] == "back", "also what is remembered"
    assert {one["status_message"] for one in admin.get(f"{USERS}/all").json["users"]} == {
        "back",
        None,
    }


@pytest.mark.parametrize(
    "change",
    [{"status_emoji": "a" * 65}, {"status_message": "a" * 513}, {"status_expires_at": -1}, {"status_expires_at": 10**400},
     {"status_expires_at": "soon"}, {"status_message": 5}],
)  # fmt: skip
def test_invalid_status_is_refused(user: Client, change: dict[str, Any]) -> None:
    answer = user.post(f"{USERS}/user/status/update", change)
    assert answer.status == 422 and next(iter(change)) in answer.detail[0]["loc"]


def test_picture_is_served_with_its_media_type(admin: Client) -> None:
    form = {"name": "Eve", "email": "eve@example.org", "password": "x", "profile_image_url": WEBP}
    created = admin.post("/api/v1/auths/add", form).json["id"]
    answer = admin.get(f"{USERS}/{created}/profile/image")
    assert (answer.status, answer.body) == (200, b"RIFF\x00\x00\x00\x00WEBPrest")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    tag = answer.headers["etag"]
    for given in (tag, f'W/{tag}, "x"'):
        again = admin.get(f"{USERS}/{created}/profile/image", headers={"if-none-match": given})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert (
        admin.get(f"{USERS}/{created}/profile/image", headers={"if-none-match": '"x"'}).status
        == 200
    )


@pytest.mark.parametrize(
    "address", ["/user.png", "", "https://example.org/a.png", "/api/v1/auths/signout"]
)
def test_external_or_invalid_picture_is_replaced_by_a_neutral_one(
    admin: Client, address: str
) -> None:
    form = {
        "name": "Eve",
        "email": "eve@example.org",
        "password": "x",
        "profile_image_url": address,
    }
    created = admin.post("/api/v1/auths/add", form).json["id"]
    answer = admin.get(f"{USERS}/{created}/profile/image")
    assert answer.status == 200 and answer.body.startswith(b"\x89PNG\r\n\x1a\n")
    assert answer.headers["content-type"] == "image/png" and "location" not in answer.headers


def test_picture_of_an_unknown_account_is_not_found(user: Client, client: Client) -> None:
    assert user.get(f"{USERS}/unknown/profile/image").status == 404
    assert client.get(path(user, "/profile/image")).status == 401
    browser = {"cookie": f"token={user.token}"}
    assert client.get(path(user, "/profile/image"), headers=browser).status == 200
