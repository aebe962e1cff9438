"""A session cookie that is not valid any more is deleted with the 401 response."""

from collections.abc import Callable

import pytest
from tests.one_database import on_sqlite

from portico.boot import Application
from portico.identity import TokenSigner
from portico.settings.section import Secret
from portico.testing import SECRET, Client, InProcessApp, Response

ME = "/api/v1/auths/"
DROPPED = (
    'token=""; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Path=/; SameSite=Lax'
)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """Sessions are not cached, so that a revocation applies at once."""
    return env | {"PORTICO_IDENTITY_SESSION_CACHE_SECONDS": "0"}


def ask(client: Client, cookie: str, **headers: str) -> Response:
    """Request the caller's own account, as a browser with this cookie does."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client(client.transport).get(ME, headers={"cookie": cookie, **given})


@on_sqlite
@pytest.mark.parametrize(
    "cookie",
    ["token=garbage", "token=", "token=a.b.c", "token=é", 'token=""', "a=b; token=x; c=d", "token=" + "x" * 9000],
)  # fmt: skip
def test_invalid_cookie_is_deleted(client: Client, cookie: str) -> None:
    answer = ask(client, cookie)
    assert (answer.status, answer.cookies) == (401, (DROPPED,))


def expired_token(user: Client) -> str:
    """Return a token of this server that has expired."""
    signer = TokenSigner(Secret(SECRET), "4w")
    signer.lifetime = -10
    return signer.sign(user.account["id"], "jti", 0)[0]


def test_expired_cookie_is_deleted(user: Client) -> None:
    answer = ask(user, f"token={expired_token(user)}")
    assert (answer.status, answer.cookies) == (401, (DROPPED,))


def test_cookie_of_revoked_session_is_deleted(admin: Client, user: Client) -> None:
    cookie = f"token={user.token}"
    assert ask(user, cookie).status == 200
    user.get("/api/v1/auths/signout")
    answer = ask(user, cookie)
    assert (answer.status, answer.cookies) == (401, (DROPPED,))


def test_cookie_of_deleted_account_is_deleted(admin: Client, user: Client) -> None:
    cookie = f"token={user.token}"
    assert admin.delete(f"/api/v1/users/{user.account['id']}").status == 200
    answer = ask(user, cookie)
    assert (answer.status, answer.cookies) == (401, (DROPPED,))


def test_cookie_beside_invalid_header_token_is_kept(user: Client) -> None:
    for headers in ({"authorization": "Bearer bad"}, {"x_api_key": "bad"}):
        answer = ask(user, f"token={user.token}", **headers)
        assert (answer.status, answer.cookies) == (401, ())


def test_other_cookies_are_not_deleted(client: Client) -> None:
    for cookie in ("other=1", "xtoken=1", "token"):
        assert ask(client, cookie).cookies == ()
    assert client.get(ME).cookies == ()


def test_valid_cookie_is_kept_after_other_errors(user: Client) -> None:
    browser = {"cookie": f"token={user.token}", "sec-fetch-site": "same-origin"}
    caller = Client(user.transport)
    assert caller.get("/api/v1/users/", headers=browser).status == 403
    wrong = {"password": "wrong", "new_password": "x" * 12}
    answers = [
        caller.get("/api/v1/users/", headers=browser),
        caller.get("/api/v1/chats/none", headers=browser),
        caller.post("/api/v1/auths/update/password", wrong, headers=browser),
    ]
    assert all(answer.status >= 400 and answer.cookies == () for answer in answers)


def test_invalid_cookie_is_deleted_with_its_attributes(
    env: dict[str, str],
    complete_schema: Callable[[Application], None],
) -> None:
    secure = InProcessApp(env | {"WEBUI_AUTH_COOKIE_SECURE": "true"}, complete_schema)
    try:
        assert ask(secure.client, "token=x").cookies == (f"{DROPPED}; Secure",)
    finally:
        secure.close()
