"""The current session, sign-out and adding accounts, over HTTP."""

from typing import Any

import pytest

from portico.testing import Client, InProcessApp

NOT_AUTHENTICATED = "Not authenticated"
INVALID_TOKEN = "Your session has expired or the token is invalid. Please sign in again."
PICTURE = "data:image/png;base64,iVBORw0KGgo="
FORM = {"name": "Ben", "email": "Ben@Example.org", "password": "secret", "role": "user"}


def by_cookie(client: Client, token: str, **headers: str) -> tuple[Client, dict[str, str]]:
    """Return a client that sends the cookie only, and its headers."""
    return Client(client.transport), {"cookie": f"a=b; token={token}", **headers}


def test_session_route_returns_the_user_and_sets_the_cookie(admin: Client) -> None:
    answer = admin.get("/api/v1/auths/")
    assert answer.status == 200
    assert list(answer.json) == [
        "id", "name", "role", "email", "profile_image_url", "token", "token_type", "expires_at", "permissions",
        "bio", "gender", "date_of_birth", "status_emoji", "status_message", "status_expires_at",
    ]  # fmt: skip
    assert answer.json | {"bio": None} == answer.json
    assert (answer.json["token"], answer.json["token_type"]) == (admin.token, "Bearer")
    assert answer.json["expires_at"] == admin.account["expires_at"]
    assert answer.headers["set-cookie"].startswith(f"token={admin.token}; Expires=")
    assert answer.headers["content-type"] == "application/json"
    assert admin.get("/api/v1/auths").json == answer.json


def test_session_route_accepts_the_cookie_alone(admin: Client) -> None:
    browser, headers = by_cookie(admin, str(admin.token))
    answer = browser.get("/api/v1/auths/", headers=headers)
    assert (answer.status, answer.json["token"]) == (200, admin.token)


def test_pending_account_may_read_its_session(admin: Client) -> None:
    pending = admin.add_user("Eve", role="pending")
    assert pending.get("/api/v1/auths/").json["role"] == "pending"
    assert pending.post("/api/v1/auths/add", FORM).status == 403


def test_sign_out_deletes_all_cookies_and_the_session(app: InProcessApp, admin: Client) -> None:
    assert admin.get("/api/v1/auths/signout").json == {"status": True}
    assert admin.get("/api/v1/auths/").detail == INVALID_TOKEN
    assert set(cookies_of_sign_out(app)) == {
        "token", "oui-session", "owui-session", "oauth_id_token", "oauth_session_id"
    }  # fmt: skip


def cookies_of_sign_out(app: InProcessApp) -> list[str]:
    """Return all `Set-Cookie` headers; `Response` has only one of each name."""
    sent: list[Any] = []

    async def ask() -> None:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "GET",
            "path": "/api/v1/auths/signout", "raw_path": b"/api/v1/auths/signout", "query_string": b"",
            "root_path": "", "headers": [(b"host", b"x")], "client": ("127.0.0.1", 1), "server": ("x", 80),
            "state": {}, "extensions": {},
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await app.asgi(scope, receive, send)  # type: ignore[arg-type]

    app.run(ask)
    return [
        value.decode().partition("=")[0]
        for name, value in sent[0]["headers"]
        if name == b"set-cookie"
    ]


def test_sign_out_works_without_a_session(client: Client) -> None:
    for headers in (
        {},
        {"authorization": "Bearer junk"},
        {"cookie": "token=junk"},
        {"cookie": "token=sk-x"},
    ):
        answer = client.get("/api/v1/auths/signout", headers=headers)
        assert (answer.status, answer.json) == (200, {"status": True})


def test_sign_out_accepts_the_cookie_alone(admin: Client) -> None:
    browser, headers = by_cookie(admin, str(admin.token), **{"sec-fetch-site": "same-origin"})
    assert browser.get("/api/v1/auths/signout", headers=headers).status == 200
    assert admin.get("/api/v1/auths/").status == 401


@pytest.mark.case("AB-17")
def test_cross_site_image_cannot_sign_out(admin: Client) -> None:
    browser, headers = by_cookie(admin, str(admin.token), **{"sec-fetch-site": "cross-site"})
    answer = browser.get("/api/v1/auths/signout", headers=headers)
    assert answer.status == 403 and "set-cookie" not in answer.headers
    assert admin.get("/api/v1/auths/").status == 200


def test_sign_out_keeps_other_sessions(admin: Client) -> None:
    other = Client(admin.transport).sign_in("Ada")
    admin.get("/api/v1/auths/signout")
    assert (admin.get("/api/v1/auths/").status, other.get("/api/v1/auths/").status) == (401, 200)


def test_adding_an_account_keeps_the_administrators_session(admin: Client) -> None:
    answer = admin.post("/api/v1/auths/add", FORM | {"profile_image_url": PICTURE})
    assert answer.status == 200
    assert answer.json == {
        "id": answer.json["id"], "name": "Ben", "role": "user", "email": "ben@example.org",
        "profile_image_url": PICTURE, "token": "", "token_type": "Bearer",
    }  # fmt: skip
    assert Client(admin.transport).sign_in("Ben", "secret").account["role"] == "user"


def test_account_added_without_a_role_is_pending(admin: Client) -> None:
    form = {name: value for name, value in FORM.items() if name != "role"}
    assert admin.post("/api/v1/auths/add", form).json["role"] == "pending"


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"email": "ADA@example.org"}, 400, "already registered"),
        ({"email": "no address"}, 400, "email format"),
        ({"role": "root"}, 400, "[ERROR: Invalid role]"),
        ({"password": ""}, 400, "validation criteria"),
        ({"password": "a" * 73}, 400, "72 bytes"),
        ({"profile_image_url": "data:image/svg+xml;base64,AAAA"}, 400, "Invalid profile image"),
        ({"name": None}, 422, "name"),
    ],
)
def test_invalid_account_is_refused_with_its_reason(
    admin: Client, change: dict[str, Any], status: int, detail: str
) -> None:
    answer = admin.post("/api/v1/auths/add", FORM | change)
    assert answer.status == status and detail in str(answer.detail)


def test_users_cannot_add_accounts(client: Client, user: Client) -> None:
    refused = client.post("/api/v1/auths/add", FORM)
    assert (refused.status, refused.detail) == (401, NOT_AUTHENTICATED)
    assert refused.headers["www-authenticate"] == "Bearer"
    assert user.post("/api/v1/auths/add", FORM).status == 403
