"""Whoever comes back has set out from here, with this browser, a moment ago, and has not been back before."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from tests.plugins.oauth.authorization_server import Authority
from tests.plugins.oauth.browser import HOUSE, Browser, query_of, with_query

from portico.testing import Client, InProcessApp, Response

LOGIN = f"{HOUSE}/oauth/oidc/login"
Count = Callable[[], int]


def assert_refused(answer: Response, count: Count) -> None:
    """A 4xx, no session, no account but the founder's."""
    assert answer.status == 400, answer
    assert answer.detail
    assert not [cookie for cookie in answer.cookies if cookie.startswith("token=")]
    assert count() == 1


@pytest.mark.usefixtures("admin")
def test_AB_74_whoever_did_not_set_out_does_not_come_in(browser: Browser, count: Count) -> None:
    assert_refused(browser.get(f"{HOUSE}/oauth/oidc/callback?code=x&state=made-up"), count)


@pytest.mark.usefixtures("admin")
def test_AB_74_a_missing_or_odd_state_does_not_come_in(browser: Browser, count: Count) -> None:
    back, _ = browser.follow(LOGIN)
    for state in (None, "", "x" * 10_000, "\x00", "é", "%00"):
        assert_refused(browser.get(with_query(back, state=state)), count)


@pytest.mark.usefixtures("admin")
def test_AB_74_a_state_is_good_once(browser: Browser, client: Client) -> None:
    back, _ = browser.follow(LOGIN)
    replay = Browser(client, {site: dict(kept) for site, kept in browser.cookies.items()})
    assert browser.land(back).account["email"] == "grace@example.org"
    again = replay.get(back)
    assert again.status == 400 and not replay.cookies[HOUSE].get("token")
    assert browser.get(back).status == 400


@pytest.mark.usefixtures("admin")
def test_AB_74_a_state_is_good_once_although_the_sign_in_failed(
    browser: Browser, authority: Authority, client: Client, count: Count
) -> None:
    back, _ = browser.follow(LOGIN)
    replay = Browser(client, {site: dict(kept) for site, kept in browser.cookies.items()})
    assert browser.land(with_query(back, error="access_denied", code=None)).error
    assert_refused(replay.get(back), count)


@pytest.mark.usefixtures("admin")
def test_AB_74_two_instances_share_what_is_used(
    browser: Browser, app: InProcessApp, env: dict[str, str], client: Client
) -> None:
    back, _ = browser.follow(LOGIN)
    other = InProcessApp(env)
    try:
        elsewhere = Browser(other.client, {s: dict(kept) for s, kept in browser.cookies.items()})
        assert elsewhere.land(back).account["email"] == "grace@example.org"
    finally:
        other.close()
    assert browser.get(back).status == 400


@pytest.mark.usefixtures("admin")
def test_AB_74_the_state_of_another_browser_is_worth_nothing(
    browser: Browser, client: Client, count: Count
) -> None:
    back, _ = browser.follow(LOGIN)
    victim = Browser(client)
    assert_refused(victim.get(back), count)
    victim.follow(LOGIN)
    assert_refused(victim.get(back), count)


@pytest.mark.usefixtures("admin")
def test_AB_74_the_state_of_another_provider_is_worth_nothing(
    browser: Browser, count: Count
) -> None:
    back, _ = browser.follow(LOGIN)
    assert_refused(browser.get(back.replace("/oidc/", "/google/")), count)


@pytest.mark.usefixtures("admin")
def test_AB_74_an_expired_state_is_worth_nothing(
    browser: Browser, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    import portico_oauth.login.pending_logins as begun

    back, _ = browser.follow(LOGIN)
    later = begun.now() + begun.PENDING_LOGIN_SECONDS + 1
    monkeypatch.setattr(begun, "now", lambda: later)
    assert_refused(browser.get(back), count)


@pytest.mark.usefixtures("admin")
def test_FT_06_a_clock_that_jumped_back_makes_no_state_last_longer(
    browser: Browser, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    import portico_oauth.login.pending_logins as begun

    back, _ = browser.follow(LOGIN)
    earlier = begun.now() - 3600
    monkeypatch.setattr(begun, "now", lambda: earlier)
    assert_refused(browser.get(back), count)


@pytest.mark.usefixtures("admin")
def test_AB_74_a_cookie_that_is_not_ours_is_none(
    browser: Browser, count: Count, app: InProcessApp
) -> None:
    back, _ = browser.follow(LOGIN)
    value = browser.cookies[HOUSE]["owui-session"]
    flipped = value[:-10] + ("A" if value[-10] != "A" else "B") + value[-9:]
    other = app.portico.encryptor.encrypt("[]", "oauth:token:x")
    for cookie in (value[:-1], flipped, "x" * 4000, "", other):
        browser.cookies[HOUSE]["owui-session"] = cookie
        assert_refused(browser.get(back), count)


@pytest.mark.usefixtures("admin")
def test_the_cookie_tells_nobody_what_is_in_it(browser: Browser) -> None:
    back, _ = browser.follow(LOGIN)
    assert query_of(back)["state"] not in browser.cookies[HOUSE]["owui-session"]


@pytest.mark.usefixtures("admin")
def test_two_windows_sign_in_at_once(browser: Browser) -> None:
    first, _ = browser.follow(LOGIN)
    second, _ = browser.follow(f"{HOUSE}/oauth/google/login")
    assert browser.land(first).account["email"] == "grace@example.org"
    assert "owui-session" in browser.cookies[HOUSE]
    landing = browser.land(second)
    assert landing.answer.status == 307
    assert "owui-session" not in browser.cookies[HOUSE]


@pytest.mark.usefixtures("admin")
def test_a_browser_keeps_a_few_sign_ins_under_way_and_no_more(browser: Browser) -> None:
    backs = [browser.follow(LOGIN)[0] for _ in range(8)]
    assert len(browser.cookies[HOUSE]["owui-session"]) < 4000
    assert browser.get(backs[0]).status == 400
    assert browser.land(backs[-1]).account["email"] == "grace@example.org"


@pytest.mark.usefixtures("admin")
def test_the_login_cookie_lasts_minutes_and_comes_back_from_another_site(client: Client) -> None:
    answer = client.get("/oauth/oidc/login")
    [cookie] = answer.cookies
    assert answer.status == 302
    assert answer.headers["cache-control"] == "no-store"
    assert cookie.startswith("owui-session=")
    for attribute in ("HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/"):
        assert attribute in cookie


def test_a_provider_that_is_none_is_not_found(client: Client) -> None:
    for path in ("login", "callback", "login/callback"):
        for name in ("nobody", "password", "%00", quote("ö"), "..%2f"):
            answer = client.get(f"/oauth/{name}/{path}")
            assert (answer.status, answer.json) == (404, {"detail": "Not Found"})


@pytest.mark.usefixtures("admin")
def test_the_older_way_back_works_too(browser: Browser) -> None:
    back, _ = browser.follow(LOGIN)
    assert browser.land(back.replace("/callback", "/login/callback")).account


@pytest.mark.usefixtures("admin")
def test_AB_74_a_browser_that_another_provider_sends_back_does_not_come_in(
    browser: Browser, authority: Authority, count: Count
) -> None:
    for issuer in (None, "https://evil.example", ""):
        back, _ = browser.follow(LOGIN)
        assert browser.land(with_query(back, iss=issuer)).error
    assert count() == 1
    assert not authority.asked("/token"), "the code was shown to somebody"


def test_whoever_fails_again_and_again_waits(env: dict[str, str], authority: Authority) -> None:
    app = InProcessApp(
        env | {"PORTICO_RATE_LIMITS_ENABLED": "true", "PORTICO_RATE_LIMITS_ADDRESS_FAILURES": "3"}
    )
    try:
        browser = Browser(app.client)
        for _ in range(5):
            assert browser.sign_in().account, "who is let in is not counted"
        for _ in range(3):
            assert browser.get(f"{HOUSE}/oauth/oidc/callback?state=x").status == 400
        answer = browser.get(f"{HOUSE}/oauth/oidc/callback?state=x")
        assert answer.status == 429 and int(answer.headers["retry-after"]) > 0
    finally:
        app.close()
