"""What a provider gave is kept locked, renewed in time, and gone with the sign-in; signing out reaches both sides."""

import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.plugins.oauth.authorization_server import CLIENT_ID, Authority
from tests.plugins.oauth.browser import HOUSE, Browser, Landing, query_of

from portico.api import ProviderTokens, execute, fetch_all
from portico.testing import Client, InProcessApp, Response

EVENT = "http://schemas.openid.net/event/backchannel-logout"
pytestmark = pytest.mark.usefixtures("admin")


@pytest.fixture
def landing(browser: Browser) -> Landing:
    """Somebody who has signed in at the provider."""
    return browser.sign_in()


@pytest.fixture
def someone(landing: Landing) -> Client:
    return Client(landing.browser.app.transport, landing.token, landing.account)


def stored(app: InProcessApp) -> list[dict[str, Any]]:
    return list(app.call(fetch_all, "SELECT * FROM oauth_session ORDER BY created_at"))


# -- what is kept -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("landing")
def test_no_token_of_a_provider_stands_in_the_database(
    app: InProcessApp, authority: Authority
) -> None:
    [row] = stored(app)
    text = repr(row)
    assert "access-" not in text and "refresh-" not in text and "eyJ" not in text
    assert row["provider"] == "oidc" and 3500 < row["expires_at"] - time.time() <= 3600


def test_an_administrator_sees_that_there_is_one_and_not_which(
    admin: Client, someone: Client, browser: Browser
) -> None:
    path = f"/api/v1/users/{someone.account['id']}/oauth/sessions"
    [shown] = admin.get(path).json
    assert set(shown) == {
        "id", "user_id", "provider", "token", "expires_at", "created_at", "updated_at",
    }  # fmt: skip
    assert shown["token"] is None and shown["provider"] == "oidc"
    assert shown["id"] == browser.cookies[HOUSE]["oauth_session_id"]
    assert someone.get(path).status == 403
    assert admin.get(f"/api/v1/users/{admin.account['id']}/oauth/sessions").status == 404
    assert admin.get("/api/v1/users/nobody/oauth/sessions").status == 404


def test_a_provider_that_does_not_say_until_when_is_believed(
    browser: Browser, authority: Authority, app: InProcessApp
) -> None:
    for expires in (None, -5, True, 10**30):
        authority.token = {"expires_in": expires}
        assert browser.sign_in().account
    assert {one["expires_at"] for one in stored(app)} == {None}


def token_of(app: InProcessApp, landing: Landing) -> str | None:
    session_id = landing.browser.cookies[HOUSE]["oauth_session_id"]
    found: str | None = app.call(
        app.portico.context.services.require(ProviderTokens).access_token, session_id
    )
    return found


def age(app: InProcessApp, left: int) -> None:
    """Have what is kept run out in so many seconds."""
    app.call(execute, "UPDATE oauth_session SET expires_at = $1", int(time.time()) + left)


def test_a_token_that_lasts_is_handed_out_as_it_is(
    app: InProcessApp, landing: Landing, authority: Authority
) -> None:
    assert (token_of(app, landing) or "").startswith("access-")
    assert len(authority.asked("/token")) == 1


def test_a_token_that_runs_out_is_renewed_and_kept(
    app: InProcessApp, landing: Landing, authority: Authority
) -> None:
    before = token_of(app, landing)
    age(app, 200)
    after = token_of(app, landing)
    assert after != before and token_of(app, landing) == after
    assert [one.get("grant_type") for one in authority.asked("/token")] == [
        "authorization_code", "refresh_token",
    ]  # fmt: skip
    age(app, 0)
    assert token_of(app, landing) not in (before, after), "the new refresh token is used"


def test_a_token_that_is_not_renewed_is_forgotten(
    app: InProcessApp, landing: Landing, authority: Authority, someone: Client
) -> None:
    authority.refreshes = False
    age(app, 0)
    assert token_of(app, landing) is None
    assert stored(app) == []
    assert someone.get("/api/v1/auths/").status == 200, "the sign-in here is another matter"


def test_a_token_is_kept_while_its_provider_is_away(
    app: InProcessApp, landing: Landing, authority: Authority
) -> None:
    before = token_of(app, landing)
    authority.broken["/token"] = (503, b"")
    age(app, 100)
    assert token_of(app, landing) == before
    age(app, -1)
    assert token_of(app, landing) is None
    authority.broken.clear()
    assert token_of(app, landing)


def test_many_who_ask_at_once_renew_once(
    app: InProcessApp, landing: Landing, authority: Authority
) -> None:
    import asyncio

    session_id = landing.browser.cookies[HOUSE]["oauth_session_id"]
    tokens = app.portico.context.services.require(ProviderTokens)
    age(app, 0)

    async def many() -> list[str | None]:
        return await asyncio.gather(*(tokens.access_token(session_id) for _ in range(8)))

    assert len(set(app.call(many))) == 1
    assert len(authority.asked("/token")) == 2


def test_a_row_does_not_open_for_another_sign_in(app: InProcessApp, browser: Browser) -> None:
    first = browser.sign_in()
    own = browser.cookies[HOUSE]["oauth_session_id"]
    Browser(browser.app).sign_in()
    other = next(row for row in stored(app) if row["id"] != own)
    app.call(execute, "UPDATE oauth_session SET token = $1 WHERE id = $2", other["token"], own)
    assert token_of(app, first) is None


# -- signing out here -------------------------------------------------------------------------------------------


def test_AB_04_signing_out_ends_the_session_and_leads_to_the_provider(
    app: InProcessApp, landing: Landing, someone: Client, authority: Authority
) -> None:
    id_token = landing.browser.cookies[HOUSE]["oauth_id_token"]
    address = someone.get("/api/v1/auths/signout").json["redirect_url"]
    assert address.startswith(f"{authority.url}/end?theme=dark&x=a+b&")
    query = query_of(address)
    assert query["id_token_hint"] == id_token and query["client_id"] == CLIENT_ID
    assert "post_logout_redirect_uri" not in query
    assert someone.get("/api/v1/auths/").status == 401
    assert stored(app) == []


def test_signing_out_leads_back_where_the_operator_says(env: dict[str, str]) -> None:
    after = "https://house.example/bye?a=b&c=d"
    app = InProcessApp(env | {"WEBUI_AUTH_SIGNOUT_REDIRECT_URL": after})
    try:
        landing = Browser(app.client).sign_in()
        someone = Client(app.client.transport, landing.token)
        address = someone.get("/api/v1/auths/signout").json["redirect_url"]
        assert query_of(address)["post_logout_redirect_uri"] == after
        assert "bye?a" not in address
    finally:
        app.close()


def test_AB_04_signing_out_works_while_the_provider_is_away(
    someone: Client, authority: Authority
) -> None:
    authority.stop()
    assert someone.get("/api/v1/auths/signout").json["redirect_url"].startswith(authority.url)
    assert someone.get("/api/v1/auths/").status == 401


def test_whoever_came_by_password_is_sent_nowhere(admin: Client) -> None:
    assert admin.get("/api/v1/auths/signout").json == {"status": True}


def test_AB_78_a_provider_cannot_send_a_browser_to_what_is_no_site(
    browser: Browser, authority: Authority
) -> None:
    for address in ("javascript:alert(1)", "//evil.example", "/end", "https://e\r\nx: y"):
        authority.metadata = {"end_session_endpoint": address}
        answer = browser.get(f"{HOUSE}/oauth/oidc/login")
        assert query_of(answer.headers["location"])["error"], address


# -- signing out there ------------------------------------------------------------------------------------------


def logout_claims(authority: Authority, **more: Any) -> dict[str, Any]:
    at = int(time.time())
    own = {
        "iss": authority.url, "aud": CLIENT_ID, "iat": at, "exp": at + 120,
        "jti": secrets.token_hex(8), "events": {EVENT: {}}, "sub": "s-1", "sid": "sid-1",
    }  # fmt: skip
    return {name: value for name, value in (own | more).items() if value is not None}


def tell(client: Client, token: str, provider: str = "oidc", **form: str) -> Response:
    """What a provider sends when somebody signs out there."""
    return client.post(
        f"/oauth/{provider}/backchannel-logout",
        body=urlencode({"logout_token": token} | form).encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )


def signed(authority: Authority, typ: str | None = "logout+jwt", **more: Any) -> str:
    return authority.signed(logout_claims(authority, **more), typ=typ)


def test_AB_05_a_provider_ends_the_sign_ins_it_brought(
    client: Client, browser: Browser, authority: Authority
) -> None:
    for about in ({"sub": None}, {"sid": None}, {}):
        for typ in ("logout+jwt", "JWT", None):
            someone = Client(client.transport, browser.sign_in().token)
            assert someone.get("/api/v1/auths/").status == 200
            answer = tell(client, signed(authority, typ, **about))
            assert (answer.status, answer.body) == (200, b"")
            assert answer.headers["cache-control"] == "no-store"
            assert someone.get("/api/v1/auths/").status == 401


def test_AB_05_one_session_there_is_one_session_here(
    client: Client, authority: Authority, browser: Browser
) -> None:
    authority.id_token = {"sid": "sid-2"}
    other = Browser(client).sign_in()
    authority.id_token = {}
    landing = browser.sign_in()
    assert tell(client, signed(authority)).status == 200
    assert Client(client.transport, landing.token).get("/api/v1/auths/").status == 401
    assert Client(client.transport, other.token).get("/api/v1/auths/").status == 200


def test_AB_05_a_subject_signs_out_of_what_it_brought_and_of_nothing_else(
    client: Client, authority: Authority, app: InProcessApp, admin: Client
) -> None:
    first, second = Browser(client).sign_in(), Browser(client).sign_in()
    authority.claims |= {"sub": "s-2", "email": "ben@example.org"}
    stranger = Browser(client).sign_in()
    assert tell(client, signed(authority, sid=None)).status == 200
    for landing, status in ((first, 401), (second, 401), (stranger, 200)):
        assert Client(client.transport, landing.token).get("/api/v1/auths/").status == status
    assert admin.get("/api/v1/auths/").status == 200


def test_AB_05_whoever_listens_is_told_which_sessions_ended(
    client: Client, landing: Landing, authority: Authority, app: InProcessApp
) -> None:
    from portico.events import Listener
    from portico.identity import SessionRevoked

    heard: list[SessionRevoked] = []
    app.portico.events.subscribe("test", [Listener(SessionRevoked, heard.append)])
    assert tell(client, signed(authority)).status == 200
    assert [one.session_id for one in heard] == [landing.browser.cookies[HOUSE]["oauth_session_id"]]


def test_a_logout_token_about_nobody_here_is_fine(client: Client, authority: Authority) -> None:
    assert tell(client, signed(authority, sid="unknown", sub="unknown")).status == 200
    assert tell(client, signed(authority, sid=None, sub="unknown")).status == 200


def test_a_logout_token_is_good_once(
    client: Client, browser: Browser, authority: Authority
) -> None:
    token = signed(authority)
    assert tell(client, token).status == 200
    landing = browser.sign_in()
    answer = tell(client, token)
    assert answer.status == 400 and answer.headers["cache-control"] == "no-store"
    assert answer.json["error"] == "invalid_request"
    assert Client(client.transport, landing.token).get("/api/v1/auths/").status == 200


NOW = int(time.time())
BAD: dict[str, dict[str, Any]] = {
    "a nonce": {"nonce": "n"},
    "a nonce that is null": {"nonce": [None]},
    "no event": {"events": None},
    "another event": {"events": {"https://x.example/e": {}}},
    "an event that is a text": {"events": {EVENT: "x"}},
    "events that are a list": {"events": [EVENT]},
    "nobody": {"sub": None, "sid": None},
    "no id": {"jti": None},
    "a long id": {"jti": "x" * 5000},
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "somebody"},
    "expired": {"exp": NOW - 3600},
    "old": {"iat": NOW - 7200, "exp": None},
    "from the future": {"iat": NOW + 3600},
    "no beginning": {"iat": None},
}  # fmt: skip


def test_AB_05_a_logout_token_that_is_none_ends_nothing(
    client: Client, someone: Client, authority: Authority
) -> None:
    for name, claims in BAD.items():
        assert tell(client, signed(authority, **claims)).status == 400, name
    id_token = authority.signed(authority.id_claims("n"))
    for token in (id_token, "", "x", "a.b.c", "x" * 60_000, signed(authority, "at+jwt")):
        assert tell(client, token).status == 400
    assert someone.get("/api/v1/auths/").status == 200


@pytest.fixture
def stranger(authority: Authority) -> Iterator[Authority]:
    with Authority() as other:
        yield other


def test_AB_05_nobody_else_signs_anybody_out(
    client: Client, someone: Client, authority: Authority, stranger: Authority
) -> None:
    forged = stranger.signed(logout_claims(authority), typ="logout+jwt")
    assert tell(client, forged).status == 400
    assert tell(client, signed(authority), provider="google").status == 200, "its own people only"
    assert someone.get("/api/v1/auths/").status == 200


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


def test_a_body_that_is_no_form_is_refused(client: Client) -> None:
    for body, kind in BODIES:
        answer = client.post(
            "/oauth/oidc/backchannel-logout", body=body, headers={"content-type": kind}
        )
        assert answer.status in (400, 413), (kind, answer)


def test_a_provider_that_signs_nothing_cannot_sign_anybody_out(
    client: Client, authority: Authority
) -> None:
    for provider in ("github", "feishu", "nobody"):
        assert tell(client, signed(authority), provider=provider).status == 404


def test_a_provider_whose_keys_cannot_be_had_may_try_again(
    client: Client, authority: Authority, someone: Client
) -> None:
    token = signed(authority)
    other = Browser(client)
    assert other
    authority.rotate()
    late = signed(authority)
    authority.broken["/jwks"] = (503, b"")
    assert tell(client, late).status == 504
    authority.broken.clear()
    assert tell(client, token).status == 200
    assert someone.get("/api/v1/auths/").status == 401


def test_deleting_an_account_takes_along_what_providers_gave(
    admin: Client, someone: Client, app: InProcessApp
) -> None:
    assert admin.delete(f"/api/v1/users/{someone.account['id']}").status == 200
    assert stored(app) == []
