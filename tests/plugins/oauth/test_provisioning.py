"""Whose account somebody is given who comes back from a provider: their own, and never anybody else's."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.plugins.oauth.authorization_server import Authority
from tests.plugins.oauth.browser import HOUSE, Browser

from portico.testing import Client, InProcessApp

Count = Callable[[], int]


@pytest.fixture
def merging(env: dict[str, str]) -> None:
    """Accounts of the same address are merged."""
    env["OAUTH_MERGE_ACCOUNTS_BY_EMAIL"] = "true"


def be(authority: Authority, name: str, /, sub: str = "s-1", **claims: Any) -> None:
    """From now on it is this person who signs in at the provider."""
    email = f"{name.lower()}@example.org"
    authority.claims = {"sub": sub, "email": email, "email_verified": True, "name": name} | claims


def test_a_newcomer_is_given_an_account_and_the_next_time_it_is_theirs(
    admin: Client, browser: Browser, count: Count
) -> None:
    first = browser.sign_in().account
    second = browser.sign_in().account
    assert first["id"] == second["id"] and first["role"] == "user" and count() == 2


def test_the_very_first_one_is_an_administrator(browser: Browser) -> None:
    assert browser.sign_in().account["role"] == "admin"


def test_newcomers_stay_out_where_there_are_to_be_none(
    env: dict[str, str], authority: Authority
) -> None:
    app = InProcessApp(env | {"ENABLE_OAUTH_SIGNUP": "false"})
    try:
        app.client.sign_up("Ada")
        landing = Browser(app.client).sign_in()
        assert "permission" in landing.error and not landing.token
    finally:
        app.close()


@pytest.mark.usefixtures("merging", "user")
def test_AB_76_nobody_is_merged_whose_address_is_not_verified(
    browser: Browser, authority: Authority, count: Count
) -> None:
    for verified in (False, None, "false", "true", 1, "True", [True]):
        be(authority, "Ben", email_verified=verified)
        landing = browser.sign_in()
        assert "already registered" in landing.error and not landing.token and count() == 2


@pytest.mark.usefixtures("user")
def test_AB_76_nobody_is_merged_where_nobody_said_so(
    browser: Browser, authority: Authority
) -> None:
    be(authority, "Ben")
    assert "already registered" in browser.sign_in().error


@pytest.mark.usefixtures("merging")
def test_AB_76_a_verified_address_is_merged_where_the_operator_says_so(
    user: Client, browser: Browser, authority: Authority
) -> None:
    be(authority, "Ben")
    authority.claims["email"] = "BEN@example.org"
    assert browser.sign_in().account["id"] == user.account["id"]
    authority.claims["email"] = "other@example.org"
    assert browser.sign_in().account["id"] == user.account["id"], "the subject counts from now on"


@pytest.mark.usefixtures("merging", "admin")
def test_AB_76_an_administrator_is_never_merged(browser: Browser, authority: Authority) -> None:
    be(authority, "Ada")
    landing = browser.sign_in()
    assert "already registered" in landing.error and not landing.token


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("merges", [True, False])
def test_AB_76_a_verified_address_that_only_looks_like_another_is_nobodys(
    env: dict[str, str], authority: Authority, merges: bool
) -> None:
    app = InProcessApp(env | {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": str(merges)})
    try:
        admin = app.client.sign_in("Ada")
        admin.add_user("Vik")
        for email in ("vi\u212a@example.org", "vik\u200b@example.org", "\u202evik@example.org"):
            be(authority, "Mallory", email=email)
            assert Browser(app.client).sign_in().error
        assert admin.get("/api/v1/users/").json["total"] == 2
    finally:
        app.close()


@pytest.mark.usefixtures("merging", "admin")
def test_AB_76_a_second_provider_with_the_same_address_is_somebody_else(
    browser: Browser, authority: Authority, count: Count
) -> None:
    be(authority, "Ben")
    assert browser.sign_in("oidc").account
    be(authority, "Ben", email_verified=False)
    assert "already registered" in browser.sign_in("google").error
    assert count() == 2
    be(authority, "Ben")
    assert browser.sign_in("google").account and count() == 2


@pytest.mark.usefixtures("admin")
def test_AB_76_another_claim_that_is_called_the_address_is_not_vouched_for(
    env: dict[str, str], authority: Authority
) -> None:
    app = InProcessApp(env | {"OAUTH_EMAIL_CLAIM": "upn", "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"})
    try:
        app.client.sign_in("Ada").add_user("Ben")
        be(authority, "Mallory", upn="ben@example.org")
        assert "already registered" in Browser(app.client).sign_in().error
    finally:
        app.close()


@pytest.mark.usefixtures("merging", "admin")
def test_AB_76_whether_it_is_verified_is_said_where_the_address_is_said(
    browser: Browser, authority: Authority, admin: Client
) -> None:
    admin.add_user("Ben")
    be(authority, "Mallory", name=None)
    authority.userinfo = {"email": "ben@example.org", "email_verified": None, "name": "M"}
    assert "already registered" in browser.sign_in().error


@pytest.mark.usefixtures("admin")
def test_AB_76_a_provider_is_trusted_by_name(env: dict[str, str], authority: Authority) -> None:
    more = {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true", "PORTICO_OAUTH_TRUSTED_EMAILS": "oidc"}
    app = InProcessApp(env | more)
    try:
        ben = app.client.sign_in("Ada").add_user("Ben")
        be(authority, "Ben", email_verified=None)
        assert "already registered" in Browser(app.client).sign_in("google").error
        assert Browser(app.client).sign_in().account["id"] == ben.account["id"]
    finally:
        app.close()


ALIKE = ["1", "01", "%", "_", "s-1", "S-1", "s-1 ", "é", "e\u0301", "1\u200b", "a" * 1024]


@pytest.mark.usefixtures("admin")
def test_AB_77_subjects_are_told_apart_byte_by_byte(browser: Browser, authority: Authority) -> None:
    found = {}
    for number, sub in enumerate(ALIKE):
        be(authority, f"P{number}", sub=sub)
        found[sub] = browser.sign_in().account["id"]
    assert len(set(found.values())) == len(ALIKE)
    for number, sub in enumerate(ALIKE):
        be(authority, f"P{number}", sub=sub)
        assert browser.sign_in().account["id"] == found[sub]


@pytest.mark.usefixtures("admin")
def test_AB_77_what_is_no_subject_is_nobody(
    browser: Browser, authority: Authority, count: Count
) -> None:
    for sub in (1, 1.0, True, None, "", "a" * 10_000, "a\x00", "\x00", {"sub": "x"}):
        be(authority, "Mallory")
        authority.claims["sub"] = sub
        landing = browser.sign_in()
        assert "incorrect" in landing.error and not landing.token, sub
    assert count() == 1


@pytest.mark.usefixtures("admin")
def test_AB_77_the_same_subject_at_another_provider_is_somebody_else(
    browser: Browser, authority: Authority
) -> None:
    be(authority, "Ben", sub="7")
    first = browser.sign_in("oidc").account
    be(authority, "Carol", sub="7")
    assert browser.sign_in("google").account["id"] != first["id"]


@pytest.mark.usefixtures("admin")
def test_nobody_comes_in_without_an_address(
    browser: Browser, authority: Authority, count: Count
) -> None:
    for email in (
        None,
        "",
        7,
        "no-address",
        "a@b",
        "a@b.c\x00",
        "a\r\n@b.c",
        "x" * 300 + "@b.c",
        ["a@b.c"],
    ):
        be(authority, "Mallory", email=email)
        landing = browser.sign_in()
        assert landing.error and not landing.token and count() == 1


@pytest.mark.usefixtures("admin")
def test_names_that_do_not_fit_are_made_to(browser: Browser, authority: Authority) -> None:
    for number, (given, kept) in enumerate(
        [(None, "p0@example.org"), (7, "p1@example.org"), ("A\x00b", "Ab"), ("x" * 999, "x" * 256)]
    ):
        be(authority, f"P{number}", sub=f"n{number}", name=given)
        assert browser.sign_in().account["name"] == kept


@pytest.mark.usefixtures("admin")
def test_only_the_allowed_domains_come_in(env: dict[str, str], authority: Authority) -> None:
    app = InProcessApp(env | {"OAUTH_ALLOWED_DOMAINS": "example.org, Corp.example"})
    try:
        browser = Browser(app.client)
        for number, (email, verified, welcome) in enumerate(
            [
                ("a@example.org", True, True),
                ("b@CORP.example", None, True),
                ("c@example.org", False, False),
                ("d@example.org.evil.example", True, False),
                ("e@sub.example.org", True, False),
                ("f@evilexample.org", True, False),
            ]
        ):
            be(authority, "X", sub=str(number), email=email, email_verified=verified)
            landing = browser.sign_in()
            assert bool(landing.error) is not welcome, email
    finally:
        app.close()


@pytest.mark.usefixtures("admin")
def test_whoever_has_no_address_is_given_one_where_the_operator_says_so(
    env: dict[str, str], authority: Authority
) -> None:
    app = InProcessApp(env | {"ENABLE_OAUTH_EMAIL_FALLBACK": "true"})
    try:
        be(authority, "Ben", sub="AbC", email=None)
        account = Browser(app.client).sign_in().account
        assert account["email"] == "oidc@abc.local"
    finally:
        app.close()


@pytest.mark.usefixtures("admin")
def test_a_pending_newcomer_is_signed_in_and_sees_nothing_yet(
    env: dict[str, str], authority: Authority
) -> None:
    app = InProcessApp(env | {"DEFAULT_USER_ROLE": "pending"})
    try:
        browser = Browser(app.client)
        landing = browser.sign_in()
        assert landing.account["role"] == "pending"
        someone = Client(app.client.transport, landing.token)
        assert someone.get("/api/v1/chats/").status == 403
    finally:
        app.close()


@pytest.mark.usefixtures("admin")
def test_the_page_is_given_the_token_to_read_and_nothing_else(browser: Browser) -> None:
    landing = browser.sign_in()
    cookies = {c.partition("=")[0]: c for c in landing.answer.cookies}
    assert set(cookies) == {"token", "oauth_session_id", "oauth_id_token", "owui-session"}
    assert "HttpOnly" not in cookies["token"] and "Expires" not in cookies["token"]
    assert "HttpOnly" in cookies["oauth_session_id"] and "HttpOnly" in cookies["oauth_id_token"]
    assert "Max-Age=0" in cookies["owui-session"]
    assert landing.answer.headers["cache-control"] == "no-store"
    assert browser.cookies[HOUSE]["oauth_id_token"].count(".") == 2


@pytest.mark.usefixtures("admin")
def test_cookies_are_secure_where_the_operator_says_so(env: dict[str, str]) -> None:
    more = {"WEBUI_AUTH_COOKIE_SECURE": "true", "WEBUI_AUTH_COOKIE_SAME_SITE": "strict"}
    app = InProcessApp(env | more | {"ENABLE_OAUTH_ID_TOKEN_COOKIE": "false"})
    try:
        browser = Browser(app.client)
        begun = browser.get(f"{HOUSE}/oauth/oidc/login")
        assert "SameSite=Lax; Secure" in begun.cookies[0], "it has to come back from another site"
        landing = browser.sign_in()
        assert "oauth_id_token" not in browser.cookies[HOUSE]
        for cookie in landing.answer.cookies:
            assert "; Secure" in cookie
            site = "Lax" if cookie.startswith("owui-session") else "Strict"
            assert f"SameSite={site}" in cookie
    finally:
        app.close()
