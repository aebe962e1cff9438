"""The callback: the state must be pending in this browser, not expired and not used before."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from tests.plugins.oauth.authorization_server import AuthorizationServer
from tests.plugins.oauth.browser import APP_URL, Browser, query_of, with_query

from portico.boot import Application
from portico.testing import Client, InProcessApp, Response

LOGIN = f"{APP_URL}/oauth/oidc/login"
Count = Callable[[], int]


def assert_rejected(answer: Response, count: Count) -> None:
    """Status 400, no session and no new account."""
    assert answer.status == 400, answer
    assert answer.detail
    assert not [cookie for cookie in answer.cookies if cookie.startswith("token=")]
    assert count() == 1


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_callback_without_pending_login_is_refused(browser: Browser, count: Count) -> None:
    assert_rejected(browser.get(f"{APP_URL}/oauth/oidc/callback?code=x&state=made-up"), count)


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_callback_with_missing_or_invalid_state_is_refused(browser: Browser, count: Count) -> None:
    callback_url, _ = browser.follow(LOGIN)
    for state in (None, "", "x" * 10_000, "\x00", "é", "%00"):
        assert_rejected(browser.get(with_query(callback_url, state=state)), count)


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_state_can_be_used_once(browser: Browser, client: Client) -> None:
    callback_url, _ = browser.follow(LOGIN)
    replay = Browser(client, {site: dict(values) for site, values in browser.cookies.items()})
    assert browser.open_callback(callback_url).account["email"] == "grace@example.org"
    again = replay.get(callback_url)
    assert again.status == 400 and not replay.cookies[APP_URL].get("token")
    assert browser.get(callback_url).status == 400


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_state_is_used_up_by_failed_sign_in(
    browser: Browser, provider_server: AuthorizationServer, client: Client, count: Count
) -> None:
    callback_url, _ = browser.follow(LOGIN)
    replay = Browser(client, {site: dict(values) for site, values in browser.cookies.items()})
    assert browser.open_callback(with_query(callback_url, error="access_denied", code=None)).error
    assert_rejected(replay.get(callback_url), count)


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_used_states_are_shared_between_instances(
    browser: Browser, app: InProcessApp, env: dict[str, str], client: Client
) -> None:
    callback_url, _ = browser.follow(LOGIN)
    other = InProcessApp(env)
    try:
        elsewhere = Browser(
            other.client, {s: dict(values) for s, values in browser.cookies.items()}
        )
        assert elsewhere.open_callback(callback_url).account["email"] == "grace@example.org"
    finally:
        other.close()
    assert browser.get(callback_url).status == 400


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_state_of_another_browser_is_refused(
    browser: Browser, client: Client, count: Count
) -> None:
    callback_url, _ = browser.follow(LOGIN)
    victim = Browser(client)
    assert_rejected(victim.get(callback_url), count)
    victim.follow(LOGIN)
    assert_rejected(victim.get(callback_url), count)


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_state_of_another_provider_is_refused(browser: Browser, count: Count) -> None:
    callback_url, _ = browser.follow(LOGIN)
    assert_rejected(browser.get(callback_url.replace("/oidc/", "/google/")), count)


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_expired_state_is_refused(
    browser: Browser, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    import portico_oauth.login.pending_logins as pending_logins

    callback_url, _ = browser.follow(LOGIN)
    later = pending_logins.now() + pending_logins.PENDING_LOGIN_SECONDS + 1
    monkeypatch.setattr(pending_logins, "now", lambda: later)
    assert_rejected(browser.get(callback_url), count)


@pytest.mark.case("FT-06")
@pytest.mark.usefixtures("admin")
def test_clock_set_back_does_not_extend_pending_login(
    browser: Browser, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    import portico_oauth.login.pending_logins as pending_logins

    callback_url, _ = browser.follow(LOGIN)
    earlier = pending_logins.now() - 3600
    monkeypatch.setattr(pending_logins, "now", lambda: earlier)
    assert_rejected(browser.get(callback_url), count)


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_forged_state_cookie_is_ignored(browser: Browser, count: Count, app: InProcessApp) -> None:
    callback_url, _ = browser.follow(LOGIN)
    value = browser.cookies[APP_URL]["owui-session"]
    flipped = value[:-10] + ("A" if value[-10] != "A" else "B") + value[-9:]
    other = app.portico.encryptor.encrypt("[]", "oauth:token:x")
    for cookie in (value[:-1], flipped, "x" * 4000, "", other):
        browser.cookies[APP_URL]["owui-session"] = cookie
        assert_rejected(browser.get(callback_url), count)


@pytest.mark.usefixtures("admin")
def test_state_cookie_is_encrypted(browser: Browser) -> None:
    callback_url, _ = browser.follow(LOGIN)
    assert query_of(callback_url)["state"] not in browser.cookies[APP_URL]["owui-session"]


@pytest.mark.usefixtures("admin")
def test_two_windows_can_sign_in_at_the_same_time(browser: Browser) -> None:
    first, _ = browser.follow(LOGIN)
    second, _ = browser.follow(f"{APP_URL}/oauth/google/login")
    assert browser.open_callback(first).account["email"] == "grace@example.org"
    assert "owui-session" in browser.cookies[APP_URL]
    result = browser.open_callback(second)
    assert result.response.status == 307
    assert "owui-session" not in browser.cookies[APP_URL]


@pytest.mark.usefixtures("admin")
def test_state_cookie_holds_limited_number_of_pending_logins(browser: Browser) -> None:
    callback_urls = [browser.follow(LOGIN)[0] for _ in range(8)]
    assert len(browser.cookies[APP_URL]["owui-session"]) < 4000
    assert browser.get(callback_urls[0]).status == 400
    assert browser.open_callback(callback_urls[-1]).account["email"] == "grace@example.org"


@pytest.mark.usefixtures("admin")
def test_state_cookie_attributes(client: Client) -> None:
    answer = client.get("/oauth/oidc/login")
    [cookie] = answer.cookies
    assert answer.status == 302
    assert answer.headers["cache-control"] == "no-store"
    assert cookie.startswith("owui-session=")
    for attribute in ("HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/"):
        assert attribute in cookie


def test_unknown_provider_is_not_found(client: Client) -> None:
    for path in ("login", "callback", "login/callback"):
        for name in ("absent", "password", "%00", quote("ö"), "..%2f"):
            answer = client.get(f"/oauth/{name}/{path}")
            assert (answer.status, answer.json) == (404, {"detail": "Not Found"})


@pytest.mark.usefixtures("admin")
def test_former_callback_path_works(browser: Browser) -> None:
    callback_url, _ = browser.follow(LOGIN)
    assert browser.open_callback(callback_url.replace("/callback", "/login/callback")).account


@pytest.mark.case("AB-74")
@pytest.mark.usefixtures("admin")
def test_callback_of_another_issuer_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    for issuer in (None, "https://evil.example", ""):
        callback_url, _ = browser.follow(LOGIN)
        assert browser.open_callback(with_query(callback_url, iss=issuer)).error
    assert count() == 1
    assert not provider_server.requests_to("/token"), "the code was sent to the provider"


def test_failed_callbacks_are_rate_limited(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(
        env | {"PORTICO_RATE_LIMITS_ENABLED": "true", "PORTICO_RATE_LIMITS_ADDRESS_FAILURES": "3"},
        complete_schema,
    )
    try:
        browser = Browser(app.client)
        for _ in range(5):
            assert browser.sign_in().account, "successful sign-ins are not counted"
        for _ in range(3):
            assert browser.get(f"{APP_URL}/oauth/oidc/callback?state=x").status == 400
        answer = browser.get(f"{APP_URL}/oauth/oidc/callback?state=x")
        assert answer.status == 429 and int(answer.headers["retry-after"]) > 0
    finally:
        app.close()
