"""Stored provider tokens, their refresh, sign-out at the provider, and back-channel logout."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.plugins.oauth.authorization_server import CLIENT_ID, AuthorizationServer
from tests.plugins.oauth.browser import APP_URL, Browser, SignInResult, query_of

from portico.api.auth import ProviderTokens
from portico.api.db import execute, fetch_all
from portico.boot import Application
from portico.testing import Client, InProcessApp, Response

EVENT = "http://schemas.openid.net/event/backchannel-logout"
pytestmark = pytest.mark.usefixtures("admin")


@pytest.fixture
def result(browser: Browser) -> SignInResult:
    """A sign-in at the provider."""
    return browser.sign_in()


@pytest.fixture
def oauth_user(result: SignInResult) -> Client:
    return Client(result.browser.app.transport, result.token, result.account)


def stored(app: InProcessApp) -> list[dict[str, Any]]:
    return list(app.run(fetch_all, "SELECT * FROM oauth_session ORDER BY created_at"))


# -- stored tokens -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("result")
def test_provider_tokens_are_stored_encrypted(
    app: InProcessApp, provider_server: AuthorizationServer
) -> None:
    [row] = stored(app)
    text = repr(row)
    assert "access-" not in text and "refresh-" not in text and "eyJ" not in text
    assert row["provider"] == "oidc" and 3500 < row["expires_at"] - time.time() <= 3600


def test_administrator_sees_provider_sessions_without_tokens(
    admin: Client, oauth_user: Client, browser: Browser
) -> None:
    path = f"/api/v1/users/{oauth_user.account['id']}/oauth/sessions"
    [shown] = admin.get(path).json
    assert set(shown) == {
        "id", "user_id", "provider", "token", "expires_at", "created_at", "updated_at",
    }  # fmt: skip
    assert shown["token"] is None and shown["provider"] == "oidc"
    assert shown["id"] == browser.cookies[APP_URL]["oauth_session_id"]
    assert oauth_user.get(path).status == 403
    assert admin.get(f"/api/v1/users/{admin.account['id']}/oauth/sessions").status == 404
    assert admin.get("/api/v1/users/absent/oauth/sessions").status == 404


def test_missing_or_invalid_expiry_is_stored_as_null(
    browser: Browser, provider_server: AuthorizationServer, app: InProcessApp
) -> None:
    for expires in (None, -5, True, 10**30):
        provider_server.token = {"expires_in": expires}
        assert browser.sign_in().account
    assert {one["expires_at"] for one in stored(app)} == {None}


def token_of(app: InProcessApp, result: SignInResult) -> str | None:
    session_id = result.browser.cookies[APP_URL]["oauth_session_id"]
    found: str | None = app.run(
        app.portico.context.services.require(ProviderTokens).access_token, session_id
    )
    return found


def expire_in(app: InProcessApp, left: int) -> None:
    """Let the stored token expire in so many seconds."""
    app.run(execute, "UPDATE oauth_session SET expires_at = $1", int(time.time()) + left)


def test_fresh_token_is_returned_without_refresh(
    app: InProcessApp, result: SignInResult, provider_server: AuthorizationServer
) -> None:
    assert (token_of(app, result) or "").startswith("access-")
    assert len(provider_server.requests_to("/token")) == 1


def test_expiring_token_is_refreshed_and_stored(
    app: InProcessApp, result: SignInResult, provider_server: AuthorizationServer
) -> None:
    before = token_of(app, result)
    expire_in(app, 200)
    after = token_of(app, result)
    assert after != before and token_of(app, result) == after
    assert [one.get("grant_type") for one in provider_server.requests_to("/token")] == [
        "authorization_code", "refresh_token",
    ]  # fmt: skip
    expire_in(app, 0)
    assert token_of(app, result) not in (before, after), "the new refresh token is used"


def test_token_is_deleted_when_refresh_is_rejected(
    app: InProcessApp,
    result: SignInResult,
    provider_server: AuthorizationServer,
    oauth_user: Client,
) -> None:
    provider_server.refreshes = False
    expire_in(app, 0)
    assert token_of(app, result) is None
    assert stored(app) == []
    assert oauth_user.get("/api/v1/auths/").status == 200, "the session itself continues"


@pytest.mark.both_databases
def test_token_is_kept_while_provider_is_unavailable(
    app: InProcessApp, result: SignInResult, provider_server: AuthorizationServer
) -> None:
    before = token_of(app, result)
    provider_server.broken["/token"] = (503, b"")
    expire_in(app, 100)
    assert token_of(app, result) == before
    expire_in(app, -1)
    assert token_of(app, result) is None
    provider_server.broken.clear()
    assert token_of(app, result)


@pytest.mark.parametrize("error", ["invalid_client", "temporarily_unavailable"])
def test_token_is_kept_while_provider_refuses_the_client(
    app: InProcessApp, result: SignInResult, provider_server: AuthorizationServer, error: str
) -> None:
    before = token_of(app, result)
    provider_server.broken["/token"] = (401, json.dumps({"error": error}).encode())
    expire_in(app, 100)
    assert token_of(app, result) == before
    expire_in(app, -1)
    assert token_of(app, result) is None
    provider_server.broken.clear()
    assert token_of(app, result)


@pytest.mark.both_databases
def test_concurrent_token_requests_refresh_once(
    app: InProcessApp, result: SignInResult, provider_server: AuthorizationServer
) -> None:
    import asyncio

    session_id = result.browser.cookies[APP_URL]["oauth_session_id"]
    tokens = app.portico.context.services.require(ProviderTokens)
    expire_in(app, 0)

    async def many() -> list[str | None]:
        return await asyncio.gather(*(tokens.access_token(session_id) for _ in range(8)))

    assert len(set(app.run(many))) == 1
    assert len(provider_server.requests_to("/token")) == 2


def test_token_of_another_session_cannot_be_decrypted(app: InProcessApp, browser: Browser) -> None:
    first = browser.sign_in()
    own = browser.cookies[APP_URL]["oauth_session_id"]
    Browser(browser.app).sign_in()
    other = next(row for row in stored(app) if row["id"] != own)
    app.run(execute, "UPDATE oauth_session SET token = $1 WHERE id = $2", other["token"], own)
    assert token_of(app, first) is None


# -- sign-out at Portico -------------------------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.case("AB-04")
def test_sign_out_ends_session_and_returns_provider_url(
    app: InProcessApp,
    result: SignInResult,
    oauth_user: Client,
    provider_server: AuthorizationServer,
) -> None:
    id_token = result.browser.cookies[APP_URL]["oauth_id_token"]
    address = oauth_user.get("/api/v1/auths/signout").json["redirect_url"]
    assert address.startswith(f"{provider_server.url}/end?theme=dark&x=a+b&")
    query = query_of(address)
    assert query["id_token_hint"] == id_token and query["client_id"] == CLIENT_ID
    assert "post_logout_redirect_uri" not in query
    assert oauth_user.get("/api/v1/auths/").status == 401
    assert stored(app) == []


def test_sign_out_url_contains_configured_return_url(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    after = "https://chat.example/bye?a=b&c=d"
    app = InProcessApp(env | {"WEBUI_AUTH_SIGNOUT_REDIRECT_URL": after}, complete_schema)
    try:
        result = Browser(app.client).sign_in()
        oauth_user = Client(app.client.transport, result.token)
        address = oauth_user.get("/api/v1/auths/signout").json["redirect_url"]
        assert query_of(address)["post_logout_redirect_uri"] == after
        assert "bye?a" not in address
    finally:
        app.close()


@pytest.mark.case("AB-04")
def test_sign_out_works_while_provider_is_unavailable(
    oauth_user: Client, provider_server: AuthorizationServer
) -> None:
    provider_server.stop()
    assert (
        oauth_user.get("/api/v1/auths/signout").json["redirect_url"].startswith(provider_server.url)
    )
    assert oauth_user.get("/api/v1/auths/").status == 401


def test_sign_out_of_password_session_returns_no_url(admin: Client) -> None:
    assert admin.get("/api/v1/auths/signout").json == {"status": True}


@pytest.mark.case("AB-78")
def test_invalid_end_session_endpoint_is_ignored(
    app: InProcessApp, browser: Browser, provider_server: AuthorizationServer
) -> None:
    discovery = app.portico.identity.auth.providers["oidc"].discovery  # type: ignore[attr-defined]
    for address in ("javascript:alert(1)", "//evil.example", "/end", "https://e\r\nx: y", 7):
        provider_server.metadata = {"end_session_endpoint": address}
        discovery._metadata._expires_at = -1.0
        oauth_user = Client(browser.app.transport, browser.sign_in().token)
        assert oauth_user.get("/api/v1/auths/signout").json == {"status": True}, address


# -- back-channel logout ------------------------------------------------------------------------------------------


def logout_claims(provider_server: AuthorizationServer, **more: Any) -> dict[str, Any]:
    at = int(time.time())
    own = {
        "iss": provider_server.url, "aud": CLIENT_ID, "iat": at, "exp": at + 120,
        "jti": secrets.token_hex(8), "events": {EVENT: {}}, "sub": "s-1", "sid": "sid-1",
    }  # fmt: skip
    return {name: value for name, value in (own | more).items() if value is not None}


def send_logout(client: Client, token: str, provider: str = "oidc", **form: str) -> Response:
    """Send a logout token as a provider does."""
    return client.post(
        f"/oauth/{provider}/backchannel-logout",
        body=urlencode({"logout_token": token} | form).encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )


def signed(
    provider_server: AuthorizationServer, typ: str | None = "logout+jwt", **more: Any
) -> str:
    return provider_server.signed(logout_claims(provider_server, **more), typ=typ)


@pytest.mark.case("AB-05")
def test_logout_token_ends_sessions_of_its_provider(
    client: Client, browser: Browser, provider_server: AuthorizationServer
) -> None:
    for about in ({"sub": None}, {"sid": None}, {}):
        for typ in ("logout+jwt", "JWT", None):
            oauth_user = Client(client.transport, browser.sign_in().token)
            assert oauth_user.get("/api/v1/auths/").status == 200
            answer = send_logout(client, signed(provider_server, typ, **about))
            assert (answer.status, answer.body) == (200, b"")
            assert answer.headers["cache-control"] == "no-store"
            assert oauth_user.get("/api/v1/auths/").status == 401


@pytest.mark.case("AB-05")
def test_logout_token_with_sid_ends_one_session(
    client: Client, provider_server: AuthorizationServer, browser: Browser
) -> None:
    provider_server.id_token = {"sid": "sid-2"}
    other = Browser(client).sign_in()
    provider_server.id_token = {}
    result = browser.sign_in()
    assert send_logout(client, signed(provider_server)).status == 200
    assert Client(client.transport, result.token).get("/api/v1/auths/").status == 401
    assert Client(client.transport, other.token).get("/api/v1/auths/").status == 200


@pytest.mark.case("AB-05")
def test_logout_token_with_subject_ends_only_its_sessions(
    client: Client, provider_server: AuthorizationServer, app: InProcessApp, admin: Client
) -> None:
    first, second = Browser(client).sign_in(), Browser(client).sign_in()
    provider_server.claims |= {"sub": "s-2", "email": "ben@example.org"}
    other_server = Browser(client).sign_in()
    assert send_logout(client, signed(provider_server, sid=None)).status == 200
    for result, status in ((first, 401), (second, 401), (other_server, 200)):
        assert Client(client.transport, result.token).get("/api/v1/auths/").status == status
    assert admin.get("/api/v1/auths/").status == 200


@pytest.mark.case("AB-05")
def test_backchannel_logout_publishes_session_revoked(
    client: Client, result: SignInResult, provider_server: AuthorizationServer, app: InProcessApp
) -> None:
    from portico.events import Listener
    from portico.identity import SessionRevoked

    received: list[SessionRevoked] = []
    app.portico.events.subscribe("test", [Listener(SessionRevoked, received.append)])
    assert send_logout(client, signed(provider_server)).status == 200
    assert [one.session_id for one in received] == [
        result.browser.cookies[APP_URL]["oauth_session_id"]
    ]


def test_logout_token_for_unknown_user_is_accepted(
    client: Client, provider_server: AuthorizationServer
) -> None:
    assert send_logout(client, signed(provider_server, sid="unknown", sub="unknown")).status == 200
    assert send_logout(client, signed(provider_server, sid=None, sub="unknown")).status == 200


def test_logout_token_can_be_used_once(
    client: Client, browser: Browser, provider_server: AuthorizationServer
) -> None:
    token = signed(provider_server)
    assert send_logout(client, token).status == 200
    result = browser.sign_in()
    answer = send_logout(client, token)
    assert answer.status == 400 and answer.headers["cache-control"] == "no-store"
    assert answer.json["error"] == "invalid_request"
    assert Client(client.transport, result.token).get("/api/v1/auths/").status == 200


#: Far from now, in epoch seconds, so that it does not matter when the tests run.
PAST, FUTURE = 1_000_000_000, 4_102_444_800
INVALID_CLAIMS: dict[str, dict[str, Any]] = {
    "a nonce": {"nonce": "n"},
    "a nonce that is null": {"nonce": [None]},
    "no event": {"events": None},
    "another event": {"events": {"https://x.example/e": {}}},
    "an event that is a text": {"events": {EVENT: "x"}},
    "events that are a list": {"events": [EVENT]},
    "no user": {"sub": None, "sid": None},
    "no id": {"jti": None},
    "a long id": {"jti": "x" * 5000},
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "other"},
    "expired": {"exp": PAST},
    "old": {"iat": PAST, "exp": None},
    "from the future": {"iat": FUTURE},
    "no time of issue": {"iat": None},
}  # fmt: skip


@pytest.mark.case("AB-05")
def test_invalid_logout_tokens_end_no_session(
    client: Client, oauth_user: Client, provider_server: AuthorizationServer
) -> None:
    for name, claims in INVALID_CLAIMS.items():
        assert send_logout(client, signed(provider_server, **claims)).status == 400, name
    id_token = provider_server.signed(provider_server.id_claims("n"))
    for token in (id_token, "", "x", "a.b.c", "x" * 60_000, signed(provider_server, "at+jwt")):
        assert send_logout(client, token).status == 400
    assert oauth_user.get("/api/v1/auths/").status == 200


@pytest.fixture
def other_server(provider_server: AuthorizationServer) -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as other:
        yield other


@pytest.mark.case("AB-05")
def test_logout_token_of_another_provider_ends_no_session(
    client: Client,
    oauth_user: Client,
    provider_server: AuthorizationServer,
    other_server: AuthorizationServer,
) -> None:
    forged = other_server.signed(logout_claims(provider_server), typ="logout+jwt")
    assert send_logout(client, forged).status == 400
    assert send_logout(client, signed(provider_server), provider="google").status == 200, (
        "a token signed by its own keys"
    )
    assert oauth_user.get("/api/v1/auths/").status == 200


BODIES: list[tuple[bytes, str]] = [
    (b"", "application/x-www-form-urlencoded"),
    (b"\xff\xfe", "application/x-www-form-urlencoded"),
    (b"logout_token=a&logout_token=b", "application/x-www-form-urlencoded"),
    (b"&".join(b"a%d=1" % n for n in range(1000)), "application/x-www-form-urlencoded"),
    (b'{"logout_token": "x"}', "application/json"),
    (b"{", "application/json"),
    (b"x", "multipart/form-data; boundary=x"),
    (b"x" * 200_000, "application/x-www-form-urlencoded"),
]


def test_backchannel_logout_rejects_invalid_bodies(client: Client) -> None:
    for body, kind in BODIES:
        answer = client.post(
            "/oauth/oidc/backchannel-logout", body=body, headers={"content-type": kind}
        )
        assert answer.status in (400, 413), (kind, answer)


def test_backchannel_logout_of_provider_without_tokens_is_not_found(
    client: Client, provider_server: AuthorizationServer
) -> None:
    for provider in ("github", "feishu", "absent"):
        assert send_logout(client, signed(provider_server), provider=provider).status == 404


def test_logout_token_can_be_sent_again_after_keys_were_unavailable(
    client: Client, provider_server: AuthorizationServer, oauth_user: Client
) -> None:
    token = signed(provider_server)
    other = Browser(client)
    assert other
    provider_server.rotate()
    late = signed(provider_server)
    provider_server.broken["/jwks"] = (503, b"")
    assert send_logout(client, late).status == 504
    provider_server.broken.clear()
    assert send_logout(client, token).status == 200
    assert oauth_user.get("/api/v1/auths/").status == 401


def test_account_deletion_deletes_provider_tokens(
    admin: Client, oauth_user: Client, app: InProcessApp
) -> None:
    assert admin.delete(f"/api/v1/users/{oauth_user.account['id']}").status == 200
    assert stored(app) == []
