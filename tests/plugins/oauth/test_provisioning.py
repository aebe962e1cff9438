"""Provisioning: which account a user of a provider is signed in to."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.plugins.oauth.authorization_server import AuthorizationServer
from tests.plugins.oauth.browser import APP_URL, Browser

from portico.boot import Application
from portico.testing import Client, InProcessApp

Count = Callable[[], int]


@pytest.fixture
def linking_by_email(env: dict[str, str]) -> None:
    """Accounts with the same e-mail address are linked."""
    env["OAUTH_MERGE_ACCOUNTS_BY_EMAIL"] = "true"


def sign_in_as(
    provider_server: AuthorizationServer, name: str, /, sub: str = "s-1", **claims: Any
) -> None:
    """Change the user who signs in at the provider."""
    email = f"{name.lower()}@example.org"
    provider_server.claims = {
        "sub": sub,
        "email": email,
        "email_verified": True,
        "name": name,
    } | claims


def test_first_sign_in_creates_account_and_second_finds_it(
    admin: Client, browser: Browser, count: Count
) -> None:
    first = browser.sign_in().account
    second = browser.sign_in().account
    assert first["id"] == second["id"] and first["role"] == "user" and count() == 2


def test_first_account_is_administrator(browser: Browser) -> None:
    assert browser.sign_in().account["role"] == "admin"


def test_new_users_are_rejected_without_signup(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"ENABLE_OAUTH_SIGNUP": "false"}, complete_schema)
    try:
        app.client.sign_up("Ada")
        result = Browser(app.client).sign_in()
        assert "permission" in result.error and not result.token
    finally:
        app.close()


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("linking_by_email", "user")
def test_unverified_email_is_not_linked(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    for verified in (False, None, "false", "yes", "", 0, 2, 1.0, [True], {"value": True}):
        sign_in_as(provider_server, "Ben", email_verified=verified)
        result = browser.sign_in()
        assert "already registered" in result.error and not result.token and count() == 2


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("user")
def test_email_is_not_linked_by_default(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    sign_in_as(provider_server, "Ben")
    assert "already registered" in browser.sign_in().error


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("linking_by_email")
def test_verified_email_is_linked_if_enabled(
    user: Client, browser: Browser, provider_server: AuthorizationServer
) -> None:
    sign_in_as(provider_server, "Ben")
    provider_server.claims["email"] = "BEN@example.org"
    assert browser.sign_in().account["id"] == user.account["id"]
    provider_server.claims["email"] = "other@example.org"
    assert browser.sign_in().account["id"] == user.account["id"], (
        "the account is found by its subject"
    )


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("linking_by_email", "admin")
def test_administrator_is_never_linked_by_email(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    sign_in_as(provider_server, "Ada")
    result = browser.sign_in()
    assert "already registered" in result.error and not result.token


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("merges", [True, False])
def test_lookalike_email_is_not_linked(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    merges: bool,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": str(merges)}, complete_schema)
    try:
        admin = app.client.sign_in("Ada")
        admin.add_user("Vik")
        for email in ("vi\u212a@example.org", "vik\u200b@example.org", "\u202evik@example.org"):
            sign_in_as(provider_server, "Mallory", email=email)
            assert Browser(app.client).sign_in().error
        assert admin.get("/api/v1/users/").json["total"] == 2
    finally:
        app.close()


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("linking_by_email", "admin")
def test_same_email_at_second_provider_needs_verification(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    sign_in_as(provider_server, "Ben")
    assert browser.sign_in("oidc").account
    sign_in_as(provider_server, "Ben", email_verified=False)
    assert "already registered" in browser.sign_in("google").error
    assert count() == 2
    sign_in_as(provider_server, "Ben")
    assert browser.sign_in("google").account and count() == 2


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("admin")
def test_email_from_other_claim_is_not_verified(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(
        env | {"OAUTH_EMAIL_CLAIM": "upn", "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"}, complete_schema
    )
    try:
        app.client.sign_in("Ada").add_user("Ben")
        sign_in_as(provider_server, "Mallory", upn="ben@example.org")
        assert "already registered" in Browser(app.client).sign_in().error
    finally:
        app.close()


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("linking_by_email", "admin")
def test_email_verified_comes_from_source_of_email(
    browser: Browser, provider_server: AuthorizationServer, admin: Client
) -> None:
    admin.add_user("Ben")
    sign_in_as(provider_server, "Mallory", name=None)
    provider_server.userinfo = {"email": "ben@example.org", "email_verified": None, "name": "M"}
    assert "already registered" in browser.sign_in().error


@pytest.mark.case("AB-76")
@pytest.mark.usefixtures("admin")
def test_trust_emails_from_applies_to_named_provider(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    more = {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true", "PORTICO_OAUTH_TRUST_EMAILS_FROM": "oidc"}
    app = InProcessApp(env | more, complete_schema)
    try:
        ben = app.client.sign_in("Ada").add_user("Ben")
        sign_in_as(provider_server, "Ben", email_verified=None)
        assert "already registered" in Browser(app.client).sign_in("google").error
        assert Browser(app.client).sign_in().account["id"] == ben.account["id"]
    finally:
        app.close()


SUBJECTS = ["1", "01", "%", "_", "s-1", "S-1", "s-1 ", "é", "e\u0301", "1\u200b", "a" * 1024]


@pytest.mark.case("AB-77")
@pytest.mark.usefixtures("admin")
def test_subjects_are_compared_byte_by_byte(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    found = {}
    for number, sub in enumerate(SUBJECTS):
        sign_in_as(provider_server, f"P{number}", sub=sub)
        found[sub] = browser.sign_in().account["id"]
    assert len(set(found.values())) == len(SUBJECTS)
    for number, sub in enumerate(SUBJECTS):
        sign_in_as(provider_server, f"P{number}", sub=sub)
        assert browser.sign_in().account["id"] == found[sub]


@pytest.mark.case("AB-77")
@pytest.mark.usefixtures("admin")
def test_invalid_subjects_are_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
) -> None:
    for sub in (1, 1.0, True, None, "", "a" * 10_000, "a\x00", "\x00", {"sub": "x"}):
        sign_in_as(provider_server, "Mallory")
        provider_server.claims["sub"] = sub
        result = browser.sign_in()
        assert "incorrect" in result.error and not result.token, sub
    assert count() == 1


@pytest.mark.case("AB-77")
@pytest.mark.usefixtures("admin")
def test_same_subject_at_another_provider_is_another_account(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    sign_in_as(provider_server, "Ben", sub="7")
    first = browser.sign_in("oidc").account
    sign_in_as(provider_server, "Carol", sub="7")
    assert browser.sign_in("google").account["id"] != first["id"]


@pytest.mark.usefixtures("admin")
def test_invalid_emails_are_rejected(
    browser: Browser, provider_server: AuthorizationServer, count: Count
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
        sign_in_as(provider_server, "Mallory", email=email)
        result = browser.sign_in()
        assert result.error and not result.token and count() == 1


@pytest.mark.usefixtures("admin")
def test_invalid_names_are_replaced_or_cut(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    for number, (given, stored) in enumerate(
        [(None, "p0@example.org"), (7, "p1@example.org"), ("A\x00b", "Ab"), ("x" * 999, "x" * 256)]
    ):
        sign_in_as(provider_server, f"P{number}", sub=f"n{number}", name=given)
        assert browser.sign_in().account["name"] == stored


@pytest.mark.usefixtures("admin")
def test_only_allowed_domains_can_sign_in(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(
        env | {"OAUTH_ALLOWED_DOMAINS": "example.org, Corp.example"}, complete_schema
    )
    try:
        browser = Browser(app.client)
        for number, (email, verified, allowed) in enumerate(
            [
                ("a@example.org", True, True),
                ("b@CORP.example", None, True),
                ("c@example.org", False, False),
                ("d@example.org.evil.example", True, False),
                ("e@sub.example.org", True, False),
                ("f@evilexample.org", True, False),
            ]
        ):
            sign_in_as(provider_server, "X", sub=str(number), email=email, email_verified=verified)
            result = browser.sign_in()
            assert bool(result.error) is not allowed, email
    finally:
        app.close()


@pytest.mark.usefixtures("admin")
def test_email_fallback_creates_local_address(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"ENABLE_OAUTH_EMAIL_FALLBACK": "true"}, complete_schema)
    try:
        sign_in_as(provider_server, "Ben", sub="AbC", email=None)
        account = Browser(app.client).sign_in().account
        assert account["email"] == "oidc@abc.local"
    finally:
        app.close()


@pytest.mark.usefixtures("admin")
def test_pending_user_is_signed_in_without_access(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"DEFAULT_USER_ROLE": "pending"}, complete_schema)
    try:
        browser = Browser(app.client)
        result = browser.sign_in()
        assert result.account["role"] == "pending"
        oauth_user = Client(app.client.transport, result.token)
        assert oauth_user.get("/api/v1/chats/").status == 403
    finally:
        app.close()


@pytest.mark.usefixtures("admin")
def test_callback_sets_session_cookies(browser: Browser) -> None:
    result = browser.sign_in()
    cookies = {c.partition("=")[0]: c for c in result.response.cookies}
    assert set(cookies) == {"token", "oauth_session_id", "oauth_id_token", "owui-session"}
    assert "HttpOnly" not in cookies["token"] and "Expires" not in cookies["token"]
    assert "HttpOnly" in cookies["oauth_session_id"] and "HttpOnly" in cookies["oauth_id_token"]
    assert "Max-Age=0" in cookies["owui-session"]
    assert result.response.headers["cache-control"] == "no-store"
    assert browser.cookies[APP_URL]["oauth_id_token"].count(".") == 2


@pytest.mark.usefixtures("admin")
def test_cookie_attributes_follow_settings(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    more = {"WEBUI_AUTH_COOKIE_SECURE": "true", "WEBUI_AUTH_COOKIE_SAME_SITE": "strict"}
    app = InProcessApp(env | more | {"ENABLE_OAUTH_ID_TOKEN_COOKIE": "false"}, complete_schema)
    try:
        browser = Browser(app.client)
        login = browser.get(f"{APP_URL}/oauth/oidc/login")
        assert "SameSite=Lax; Secure" in login.cookies[0], "the callback comes from another site"
        result = browser.sign_in()
        assert "oauth_id_token" not in browser.cookies[APP_URL]
        for cookie in result.response.cookies:
            assert "; Secure" in cookie
            site = "Lax" if cookie.startswith("owui-session") else "Strict"
            assert f"SameSite={site}" in cookie
    finally:
        app.close()
