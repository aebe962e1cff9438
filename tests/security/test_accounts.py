"""Attacks on accounts and user data."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.error_details import ACCESS_PROHIBITED

from portico.api.policy import PolicyRule
from portico.testing import Client, InProcessApp

USERS = "/api/v1/users"
ACTION_PROHIBITED = "The requested action has been restricted as a security measure."


def path(client: Client, rest: str = "") -> str:
    return f"{USERS}/{client.account['id']}{rest}"


def form(client: Client, **change: Any) -> dict[str, Any]:
    names = ("role", "name", "email", "profile_image_url")
    return {name: client.account[name] for name in names} | change


def allow(app: InProcessApp, *actions: str) -> None:
    """Allow every user these actions on accounts, as a policy rule of the operator could."""
    portico = app.portico
    portico.permissions.activate_packaged(
        [kind for one in portico.contributions for kind in one.resources],
        [policy for one in portico.contributions for policy in one.policies]
        + [PolicyRule("account", action, "role:user") for action in actions],
    )


@pytest.mark.case("AB-24")
def test_users_cannot_promote_themselves(admin: Client, user: Client) -> None:
    paths = {
        "/user/settings/update": {"role": "admin", "ui": {"role": "admin"}},
        "/user/info/update": {"role": "admin"},
        "/user/status/update": {"role": "admin", "status_message": "x"},
    }
    for user_path, body in paths.items():
        assert user.post(USERS + user_path, body).status == 200, "it is stored without effect"
    assert user.post(path(user, "/update"), form(user, role="admin")).status == 403
    assert user.post("/api/v1/auths/add", form(user, role="admin", password="x")).status == 403
    assert user.get(path(user)).json["role"] == "user"
    assert admin.get(path(user)).json["role"] == "user"
    assert user.get(f"{USERS}/").status == 403
    signed_up = Client(user.transport).post(
        "/api/v1/auths/signup",
        {
            "name": "E",
            "email": "e@x.de",
            "password": "secret",
            "role": "admin",
            "id": admin.account["id"],
        },
    )
    assert signed_up.json["role"] == "user"


@pytest.mark.case("AB-24")
def test_account_writer_cannot_create_administrators(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    chief, eve = admin.add_user("Chief", role="admin"), admin.add_user("Eve")
    allow(app, "read", "write", "create", "delete")
    new = {"name": "N", "email": "n@x.de", "password": "secret", "role": "admin"}
    for answer in (
        user.post(path(user, "/update"), form(user, role="admin")),
        user.post(path(eve, "/update"), form(eve, role="admin")),
        user.post(path(chief, "/update"), form(chief, role="user")),
        user.post(path(chief, "/update"), form(chief, password="mine now")),
        user.post(path(chief, "/update"), form(chief, email="mine@x.de")),
        user.post("/api/v1/auths/add", new),
        user.delete(path(chief)),
    ):
        assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED)
    for answer in (
        user.post(path(admin, "/update"), form(admin, name="X")),
        user.delete(path(admin)),
    ):
        assert (answer.status, answer.detail) == (403, ACTION_PROHIBITED)
    assert chief.get(path(chief)).json["email"] == "chief@example.org"
    # What the rule allows works.
    assert user.post(path(eve, "/update"), form(eve, name="Eva")).json["name"] == "Eva"
    assert user.post("/api/v1/auths/add", new | {"role": "user"}).status == 200
    assert user.get(f"{USERS}/").json["total"] == 5
    assert user.delete(path(eve)).status == 200


@pytest.mark.case("AB-25")
def test_first_administrator_cannot_be_changed_or_deleted(admin: Client) -> None:
    other = admin.add_user("Eve", role="admin")
    for answer in (
        other.post(path(admin, "/update"), form(admin, name="X")),
        other.post(path(admin, "/update"), form(admin, role="user")),
        other.delete(path(admin)),
        admin.post(path(admin, "/update"), form(admin, role="pending")),
        admin.delete(path(admin)),
    ):
        assert (answer.status, answer.detail) == (403, ACTION_PROHIBITED)
    assert admin.get(path(admin)).json["role"] == "admin"
    assert admin.post(path(admin, "/update"), form(admin, name="Ada L.")).json["name"] == "Ada L."


@pytest.mark.both_databases
@pytest.mark.case("AB-25")
def test_concurrent_demotion_leaves_one_administrator(app: InProcessApp, admin: Client) -> None:
    from portico.db import execute

    # There is no first administrator here: the oldest account is not an administrator.
    first = admin.add_user("Eve", role="admin")
    second = admin.add_user("Cem", role="admin")
    app.run(execute, "UPDATE portico_account SET role = 'user', created_at = 1 WHERE name = 'Ada'")

    def demote(pair: tuple[Client, Client]) -> int:
        return pair[0].post(path(pair[1], "/update"), form(pair[1], role="user")).status

    with ThreadPoolExecutor(2) as threads:
        statuses = sorted(threads.map(demote, [(first, second), (second, first)]))
    assert statuses[0] == 200 and statuses[1] in (401, 403)
    roles = [
        one.get(path(one))
        for one in (Client(first.transport).sign_in("Eve"), Client(first.transport).sign_in("Cem"))
    ]
    assert sorted(one.json["role"] for one in roles) == ["admin", "user"]


@pytest.mark.case("AB-26")
def test_private_data_of_others_is_not_returned(admin: Client, user: Client) -> None:
    secret = {"ui": {"directConnections": {"OPENAI_API_KEYS": ["sk-leak"]}, "theme": "dark",
                     "notifications": {"webhook_url": "https://leak.example"}, "list": [{"api_key": "sk-leak", "a": 1}]},
              "access_token": "sk-leak"}  # fmt: skip
    assert user.post(f"{USERS}/user/settings/update", secret).json == secret
    user.post(f"{USERS}/user/info/update", {"location": "secret place"})
    eve = admin.add_user("Eve")
    shown = eve.get(path(user))
    assert set(shown.json) == {
        "id", "name", "email", "profile_image_url", "bio", "is_active", "status_emoji", "status_message",
        "status_expires_at",
    }  # fmt: skip
    assert shown.json["email"] == ""
    found = eve.get(f"{USERS}/search?query=Ben")
    assert found.json["users"][0]["email"] == ""
    for answer in (shown, found):
        for word in (b"ben@", b"leak", b"secret place", b"oauth"):
            assert word not in answer.body
    # An administrator sees the settings without secrets; the owner sees all of them.
    whole = admin.get(path(user)).json
    assert whole["settings"] == {"ui": {"theme": "dark", "notifications": {}, "list": [{"a": 1}]}}
    assert b"leak" not in admin.get(f"{USERS}/").body
    assert user.get(path(user)).json["settings"] == secret


PICTURES = {
    "data:image/svg+xml;base64,PHN2Zz48c2NyaXB0Lz48L3N2Zz4=": 400,
    "data:image/png;base64,PHN2Zz48c2NyaXB0Lz48L3N2Zz4=": 400,
    "data:text/html,<script>alert(1)</script>": 400,
    "javascript:alert(1)": 400,
    "file:///etc/passwd": 400,
    "//evil.example/x.png": 400,
    "http://169.254.169.254/": 400,
    "https://169.254.169.254/": 400,
    "https://localhost:8080/": 400,
    "https://[::1]/x.png": 400,
    "https://2130706433/x.png": 400,
    "data:image/png;base64,iVBORw0KGgo" + "A" * 10_000_001: 413,
    "data:image/png;base64,iVBORw0KGgo" + "A" * 300_001: 413,
}


@pytest.mark.case("AB-27")
def test_invalid_picture_is_refused_everywhere(
    admin: Client, user: Client, subtests: pytest.Subtests
) -> None:
    anonymous = Client(admin.transport)
    for picture, status in PICTURES.items():
        with subtests.test(picture[:48]):
            new = {
                "name": "E",
                "email": "e@x.de",
                "password": "secret",
                "profile_image_url": picture,
            }
            for answer in (
                anonymous.post("/api/v1/auths/signup", new),
                admin.post("/api/v1/auths/add", new),
                admin.post(path(user, "/update"), form(user, profile_image_url=picture)),
            ):
                assert answer.status == status, answer.body[:200]
            assert admin.get(f"{USERS}/").json["total"] == 2


@pytest.mark.parametrize(
    "picture",
    [
        "data:image/svg+xml;base64,PHN2Zz4=",
        "https://evil.example/x.png",
        "//evil.example",
        "javascript:1",
    ],
)
@pytest.mark.case("AB-27")
def test_stored_foreign_picture_is_not_served(
    app: InProcessApp, admin: Client, picture: str
) -> None:
    from portico.db import execute

    app.run(execute, "UPDATE portico_account SET profile_image_url = $1", picture)
    answer = admin.get(path(admin, "/profile/image"))
    assert answer.status == 200 and "location" not in answer.headers
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"


#: Bodies, and the statuses that they may get.
DOCUMENTS: list[tuple[bytes, set[int]]] = [
    (b'{"ui":{"a":"' + b"a" * 10_000_000 + b'"}}', {413}),
    (b'{"a":"' + b"a" * (1024 * 1024) + b'"}', {413}),
    (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", {422}),
    (b'{"a":NaN}', {422}),
    (b'{"a":Infinity}', {422}),
    (b'{"a":"\x00"}', {422}),
    (b'{"a":"\xff\xfe"}', {422}),
    (b'{"ui":{},"n":' + b"9" * 400 + b"}", {200}),
    (b'{"ui":{"__proto__":{"x":1}},"__proto__":{"x":1},"constructor":{"prototype":{}}}', {200}),
    (b'{"ui":{},"":{"":[]},"a.b":1e400}', {200}),
]  # fmt: skip


@pytest.mark.case("AB-28")
def test_user_data_is_refused_or_returned_unchanged(
    admin: Client, subtests: pytest.Subtests
) -> None:
    for number, (body, statuses) in enumerate(DOCUMENTS):
        user = admin.add_user(f"User{number}")
        for kind in ("settings", "info"):
            with subtests.test(kind=kind, body=repr(body[:24])):
                answer = user.post(f"{USERS}/user/{kind}/update", body=body)
                assert answer.status in statuses
                stored = user.get(f"{USERS}/user/{kind}")
                assert stored.status == 200
                if answer.status == 200:
                    sent = json.loads(body, parse_int=str, parse_float=str)
                    for found in (answer, stored):
                        assert json.loads(found.body, parse_int=str, parse_float=str) == sent
                else:
                    assert stored.json is None
                # The account can still be read, and other accounts are unchanged.
                assert admin.get(path(user)).status == admin.get(f"{USERS}/").status == 200
                assert admin.get(f"{USERS}/user/{kind}").json is None


@pytest.mark.case("AB-28")
def test_small_updates_respect_the_total_limit(user: Client) -> None:
    part = "a" * 300_000
    statuses = [user.post(f"{USERS}/user/info/update", {f"k{n}": part}).status for n in range(5)]
    assert statuses == [200, 200, 200, 413, 413]
    refused = user.post(f"{USERS}/user/info/update", {"k9": part})
    assert "info" in refused.detail
    assert set(user.get(f"{USERS}/user/info").json) == {"k0", "k1", "k2"}
