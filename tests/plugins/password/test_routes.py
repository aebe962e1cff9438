"""Sign-up and sign-in over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.error_details import ACCESS_PROHIBITED
from tests.one_database import on_sqlite

from portico.testing import Client, InProcessApp, Response

FORM = {"name": "Ada", "email": "Ada@Example.org", "password": "correct horse"}
INVALID_CRED = (
    "The email or password provided is incorrect. Please check for typos and try logging in again."
)
ACTION_PROHIBITED = "The requested action has been restricted as a security measure."
StartApp = Callable[..., Client]


@pytest.fixture
def start_app(env: dict[str, str], complete_schema: Any) -> Iterator[StartApp]:
    """Return an application with other settings: `start_app(ENABLE_SIGNUP="false")`; None removes one."""
    apps: list[InProcessApp] = []

    def start_app(**changes: str | None) -> Client:
        settings = {name: value for name, value in {**env, **changes}.items() if value is not None}
        apps.append(InProcessApp(settings, complete_schema))
        return apps[-1].client

    yield start_app
    for app in apps:
        app.close()


def sign_up(client: Client, **changes: Any) -> Response:
    return client.post("/api/v1/auths/signup", FORM | changes)


def sign_in(
    client: Client, email: Any = "ada@example.org", password: Any = "correct horse"
) -> Response:
    return client.post("/api/v1/auths/signin", {"email": email, "password": password})


def test_sign_up_returns_a_session_and_sets_its_cookie(client: Client) -> None:
    answer = sign_up(client)
    assert answer.status == 200
    assert list(answer.json) == [
        "id", "name", "role", "email", "profile_image_url", "token", "token_type", "expires_at", "permissions"
    ]  # fmt: skip
    assert answer.json["email"] == "ada@example.org"
    assert (answer.json["role"], answer.json["profile_image_url"]) == ("admin", "/user.png")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"token={answer.json['token']}; Expires=")
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=Lax")
    assert Client(client.transport, answer.json["token"]).get("/api/v1/auths/").status == 200


def test_sign_in_ignores_case_of_the_address(client: Client) -> None:
    created = sign_up(client).json
    answer = sign_in(client, "ADA@EXAMPLE.ORG")
    assert answer.status == 200
    assert answer.json | {"token": ""} == created | {
        "token": "",
        "expires_at": answer.json["expires_at"],
    }
    assert answer.json["token"] != created["token"]
    assert answer.headers["set-cookie"].startswith(f"token={answer.json['token']};")


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.org", "wrong"), ("ada@example.org", ""), ("unknown@example.org", "correct horse"),
     ("", ""), ("a\x00@b.c", "x"), ("x" * 10_000, "x" * 10_000)],
)  # fmt: skip
def test_wrong_address_and_wrong_password_get_the_same_response(
    client: Client, email: str, password: str
) -> None:
    sign_up(client)
    answer = sign_in(client, email, password)
    assert (answer.status, answer.detail) == (400, INVALID_CRED)
    assert "set-cookie" not in answer.headers


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@b.c"},
        {"email": 1, "password": "x"},
        {"email": None, "password": None},
        [],
        "x",
    ],
)
def test_malformed_body_is_not_repeated_in_the_response(client: Client, body: Any) -> None:
    answer = client.post("/api/v1/auths/signin", body)
    assert answer.status == 422
    assert all(set(fault) == {"type", "loc", "msg"} for fault in answer.detail)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"email": "no address"}, "email format"),
        ({"password": ""}, "validation criteria"),
        ({"profile_image_url": "javascript:alert(1)"}, "Invalid profile image"),
        ({"name": "a" * 300}, "at most 256"),
    ],
)
def test_invalid_sign_up_is_refused_with_its_reason(
    client: Client, change: dict[str, str], detail: str
) -> None:
    answer = sign_up(client, **change)
    assert answer.status == 400 and detail in answer.detail
    assert sign_up(client).json["role"] == "admin"


def test_address_can_sign_up_once(client: Client) -> None:
    sign_up(client)
    answer = sign_up(client, email="ADA@example.org", password="another")
    assert answer.status == 400 and "already registered" in answer.detail
    assert sign_in(client, password="another").status == 400


def test_only_the_first_account_can_sign_up_by_default(start_app: StartApp) -> None:
    client = start_app(ENABLE_SIGNUP=None)
    assert sign_up(client).json["role"] == "admin"
    answer = sign_up(client, email="ben@example.org")
    assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED)
    assert sign_in(client).status == 200


def test_next_account_gets_the_default_role(start_app: StartApp) -> None:
    client = start_app(ENABLE_SIGNUP="true", DEFAULT_USER_ROLE=None)
    sign_up(client)
    assert sign_up(client, email="ben@example.org").json["role"] == "pending"


@pytest.mark.parametrize("closed", [{"ENABLE_SIGNUP": "false"}, {"ENABLE_LOGIN_FORM": "false"}])
def test_closed_sign_up_is_closed_for_the_first_account_too(
    start_app: StartApp, closed: dict[str, str]
) -> None:
    answer = sign_up(start_app(**closed))
    assert (answer.status, answer.detail) == (403, ACCESS_PROHIBITED)


@pytest.mark.parametrize("closed", [{"ENABLE_SIGNUP": "false"}, {"ENABLE_LOGIN_FORM": "false"}])
def test_setting_opens_sign_up_for_the_first_account(
    start_app: StartApp, closed: dict[str, str]
) -> None:
    client = start_app(ENABLE_INITIAL_ADMIN_SIGNUP="true", **closed)
    assert sign_up(client).json["role"] == "admin"
    assert sign_up(client, email="ben@example.org").status == 403


def test_sign_in_and_sign_up_are_refused_where_passwords_are_off(start_app: StartApp) -> None:
    client = start_app(ENABLE_PASSWORD_AUTH="false")
    for answer in (sign_up(client), sign_in(client)):
        assert (answer.status, answer.detail) == (403, ACTION_PROHIBITED)


def test_password_pattern_applies_wherever_a_password_is_set(start_app: StartApp) -> None:
    client = start_app(ENABLE_PASSWORD_VALIDATION="true")
    weak = sign_up(client, password="weakling")
    assert (weak.status, weak.detail) == (
        400,
        "The password does not meet the required validation criteria.",
    )
    created = sign_up(client, password="Strong-1-enough")
    admin = Client(client.transport, created.json["token"])
    form = FORM | {"email": "ben@example.org", "role": "user"}
    assert admin.post("/api/v1/auths/add", form).status == 400
    assert admin.post("/api/v1/auths/add", form | {"password": "Strong-1-enough"}).status == 200


def test_session_without_end_has_no_expiry(start_app: StartApp) -> None:
    client = start_app(JWT_EXPIRES_IN="-1")
    answer = sign_up(client)
    assert answer.json["expires_at"] is None and "Expires" not in answer.headers["set-cookie"]
    again = Client(client.transport, answer.json["token"]).get("/api/v1/auths/")
    assert (again.status, again.json["expires_at"]) == (200, None)


def test_secure_cookies_setting_marks_cookies(start_app: StartApp) -> None:
    client = start_app(WEBUI_AUTH_COOKIE_SECURE="true", WEBUI_AUTH_COOKIE_SAME_SITE="strict")
    assert sign_up(client).headers["set-cookie"].endswith("; SameSite=Strict; Secure")


def test_default_permissions_are_those_of_the_operator(start_app: StartApp) -> None:
    answer = sign_up(start_app(USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS="true"))
    assert answer.json["permissions"]["workspace"]["models"] is True


def test_sign_up_accepts_a_picture_as_data_url(client: Client) -> None:
    picture = "data:image/png;base64,iVBORw0KGgo" + "A" * 50_001
    assert sign_up(client, profile_image_url=picture).json["profile_image_url"] == picture


@pytest.mark.case("AB-27")
def test_picture_of_ten_megabytes_is_refused(client: Client) -> None:
    assert (
        sign_up(client, profile_image_url="data:image/png;base64," + "A" * 10_000_000).status == 413
    )
