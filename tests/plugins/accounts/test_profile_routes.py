"""The own profile of a user, and the administrator to contact."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import on_sqlite

from portico.boot import Application
from portico.testing import Client, InProcessApp

PROFILE = "/api/v1/auths/update/profile"
TIMEZONE = "/api/v1/auths/update/timezone"
DETAILS = "/api/v1/auths/admin/details"
ME = "/api/v1/auths/"
PNG = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FORM = {
    "name": "Benjamin",
    "profile_image_url": PNG,
    "bio": "I sail.",
    "gender": "m",
    "date_of_birth": "1990-02-28",
}


def test_profile_is_replaced_as_a_whole(user: Client) -> None:
    answer = user.post(PROFILE, FORM)
    assert answer.json == {
        "id": user.account["id"],
        "name": "Benjamin",
        "role": "user",
        "email": "ben@example.org",
        "profile_image_url": PNG,
    }
    me = user.get(ME).json
    assert {name: me[name] for name in FORM} == FORM
    assert user.post(PROFILE, {"name": "Ben", "profile_image_url": "/user.png"}).status == 200
    me = user.get(ME).json
    assert (me["name"], me["bio"], me["gender"], me["date_of_birth"]) == ("Ben", None, None, None)


def test_changed_name_is_found_and_audited(admin: Client, user: Client) -> None:
    user.post(PROFILE, FORM)
    found = admin.get("/api/v1/users/search?query=benjamin").json["users"]
    assert [one["id"] for one in found] == [user.account["id"]]
    (entry,) = admin.get("/api/v1/audit?event=account.changed").json["entries"]
    assert (entry["author"], entry["old"]) == (user.account["id"], {"name": "Ben"})


@pytest.mark.case("AB-15")
def test_profile_form_changes_no_other_fields(admin: Client, user: Client) -> None:
    smuggled = {
        "role": "admin",
        "id": admin.account["id"],
        "email": "root@example.org",
        "is_active": False,
        "permissions": {"workspace": {"models": True}},
        "api_key": "sk-" + "0" * 32,
        "created_at": 0,
        "oauth_sub": "google@1",
        "oauth": {"google": {"sub": "1"}},
        "epoch": 7,
        "settings": {"ui": {}},
    }
    before = user.get("/api/v1/users/user/status").json
    answer = user.post(PROFILE, smuggled | FORM)
    assert (answer.status, answer.json["role"], answer.json["email"]) == (
        200,
        "user",
        "ben@example.org",
    )
    after = user.get("/api/v1/users/user/status").json
    for name in ("role", "id", "email", "created_at", "oauth", "settings"):
        assert after[name] == before[name]
    assert user.get("/api/v1/users/").status == 403


@on_sqlite
@pytest.mark.parametrize(
    ("changed", "statuses"),
    [
        ({"profile_image_url": "javascript:alert(1)"}, {400}),
        ({"profile_image_url": "//evil.example/x.png"}, {400}),
        ({"profile_image_url": "file:///etc/passwd"}, {400}),
        ({"profile_image_url": "http://169.254.169.254/"}, {400}),
        ({"profile_image_url": "data:text/html;base64,PGI+"}, {400}),
        ({"profile_image_url": "data:image/svg+xml;base64,PHN2Zz4="}, {400}),
        ({"profile_image_url": "data:image/png;base64,PHN2Zz4="}, {400}),
        ({"profile_image_url": "data:image/png;base64," + "A" * 300_000}, {413}),
        ({"profile_image_url": "data:image/png;base64," + "A" * 10_000_000}, {413}),
        ({"name": "x" * 257}, {400}),
        ({"bio": "x" * 4097}, {400}),
        ({"gender": "x" * 65}, {400}),
        ({"date_of_birth": "1990-02-30"}, {400}),
        ({"date_of_birth": "yesterday"}, {400}),
        ({"date_of_birth": "19900228"}, {400}),
        ({"date_of_birth": "١٩٩٠-٠٢-٢٨"}, {400}),
        ({"name": None}, {422}),
        ({"bio": 7}, {422}),
    ],
    ids=lambda value: str(value)[:50],
)
@pytest.mark.case("AB-27")
def test_invalid_profile_changes_nothing(
    user: Client, changed: dict[str, Any], statuses: set[int]
) -> None:
    assert user.post(PROFILE, FORM | changed).status in statuses
    assert user.get(ME).json["name"] == "Ben"


def test_stored_external_picture_is_accepted_unchanged(user: Client, app: InProcessApp) -> None:
    async def store_picture() -> None:
        from portico.db import execute

        sql = (
            "UPDATE portico_account SET profile_image_url = 'http://10.0.0.1/me' WHERE name = 'Ben'"
        )
        await execute(sql)

    app.run(store_picture)
    form = FORM | {"profile_image_url": "http://10.0.0.1/me"}
    assert user.post(PROFILE, form).status == 200


def test_time_zone_is_stored(user: Client) -> None:
    assert user.post(TIMEZONE, {"timezone": "Europe/Lisbon"}).json == {"status": True}
    assert user.get("/api/v1/users/user/status").json["timezone"] == "Europe/Lisbon"


@on_sqlite
@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "/etc", "a" * 100, "x\x00"])
def test_unknown_time_zone_is_refused(user: Client, zone: str) -> None:
    assert user.post(TIMEZONE, {"timezone": zone}).status == 400


@pytest.mark.case("AB-16")
def test_admin_details_show_a_name_until_switched_off(admin: Client, client: Client) -> None:
    ben, eve = admin.add_user("Ben"), admin.add_user("Eve", role="pending")
    for one in (admin, ben, eve):
        assert one.get(DETAILS).json == {"name": "Ada", "email": None}
    assert Client(client.transport).get(DETAILS).status == 401
    config = admin.get("/api/v1/auths/admin/config").json
    assert config["SHOW_ADMIN_DETAILS"] is True
    change = config | {"SHOW_ADMIN_DETAILS": False}
    assert admin.post("/api/v1/auths/admin/config", change).json["SHOW_ADMIN_DETAILS"] is False
    assert [one.get(DETAILS).status for one in (admin, ben, eve)] == [400, 400, 403]
    assert b"Ada" not in eve.get(DETAILS).body
    for path in (PROFILE, TIMEZONE):
        assert eve.post(path, FORM | {"timezone": "Europe/Lisbon"}).status == 403


@pytest.mark.case("AB-16")
def test_pending_user_is_told_the_configured_contact_unless_it_is_switched_off(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    shown: dict[str, Any] = {}
    for email, switch in (
        ("desk@example.org", "true"),
        ("Ben@example.org", "true"),
        ("ada@example.org", "false"),
    ):
        app = InProcessApp(
            env | {"SHOW_ADMIN_DETAILS": switch, "ADMIN_EMAIL": email}, complete_schema
        )
        try:
            if not shown:
                app.client.sign_up("Ada").add_user("Ben")
                app.client.sign_in("Ada").add_user("Eve", role="pending")
            answer = app.client.sign_in("Eve").get(DETAILS)
            shown[email] = answer.status, answer.json
            assert Client(app.client.transport).get(DETAILS).status == 401
        finally:
            app.close()
    # An address of no account, such as that of a help desk, stands with the first administrator's name.
    assert shown["desk@example.org"] == (200, {"name": "Ada", "email": "desk@example.org"})
    assert shown["Ben@example.org"] == (200, {"name": "Ben", "email": "Ben@example.org"})
    status, answer = shown["ada@example.org"]
    assert status == 403 and "Ada" not in str(answer) and "ada@" not in str(answer)


def test_invalid_stored_fields_stay_while_others_change(app: InProcessApp, user: Client) -> None:
    old = FORM | {
        "name": "n" * 300,
        "bio": "b" * 5000,
        "gender": "g" * 70,
        "date_of_birth": "1.2.90",
    }
    store_invalid = (
        "UPDATE portico_account SET name = $2, bio = $3, gender = $4, date_of_birth = $5, profile_image_url = $6 "
        "WHERE id = $1"
    )
    values = (old["name"], old["bio"], old["gender"], old["date_of_birth"], "/user.png")
    app.run(app.portico.database.execute, store_invalid, user.account["id"], *values)

    assert user.post(PROFILE, old).status == 200
    for field in ("name", "bio", "gender", "date_of_birth"):
        assert user.post(PROFILE, old | {field: old[field] + "x"}).status == 400
    assert user.post(PROFILE, FORM).json["name"] == "Benjamin"
