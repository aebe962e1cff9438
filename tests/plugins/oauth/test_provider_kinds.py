"""The differences between Google, GitHub, Feishu and Microsoft."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.oauth.authorization_server import CLIENT_SECRET, TENANT, AuthorizationServer
from tests.plugins.oauth.browser import APP_URL, Browser, query_of, with_query

from portico.boot import Application
from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.usefixtures("admin")
GITHUB = {"id": 583231, "login": "grace", "name": "Grace", "email": None, "sub": None}
FEISHU = {"user_id": "5d9bdxxx", "open_id": "ou-1", "name": "Grace", "email": "grace@example.org"}


def is_rejected(browser: Browser, provider: str) -> bool:
    """Sign in, check that there is no session, and return whether there is an error."""
    result = browser.sign_in(provider)
    assert result.response.status == 307 and not result.token
    return bool(result.error)


def test_google_sign_in_uses_openid_scopes(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    assert browser.sign_in("google").account["email"] == "grace@example.org"
    assert provider_server.requests_to("/authorize")[0]["scope"] == "openid email profile"


def test_google_may_name_its_issuer_without_scheme(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.id_token = {"iss": provider_server.url.removeprefix("http://")}
    assert is_rejected(browser, "oidc")
    assert browser.sign_in("google").account["email"] == "grace@example.org"


# -- GitHub -----------------------------------------------------------------------------------------------------


def test_github_email_is_read_from_email_endpoint(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.claims = dict(GITHUB)
    assert browser.sign_in("github").account["email"] == "grace@example.org"
    asked = provider_server.requests_to("/login/oauth/authorize")[0]
    assert asked["scope"] == "user:email" and asked["code_challenge_method"] == "S256"
    assert "nonce" not in asked
    assert (
        provider_server.requests_to("/login/oauth/access_token")[0]["client_secret"]
        == CLIENT_SECRET
    )


@pytest.mark.case("AB-76")
@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "grace@example.org", "primary": True, "verified": False}],
        [{"email": "grace@example.org", "primary": False, "verified": True}],
        {"message": "Not Found"},
        [{"email": 7, "primary": True, "verified": True}],
        [{"email": "grace@example.org", "primary": "true", "verified": "true"}],
    ],
)
def test_unverified_github_email_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, emails: Any
) -> None:
    provider_server.claims, provider_server.emails = dict(GITHUB), emails
    assert is_rejected(browser, "github")


@pytest.mark.case("AB-76")
def test_only_primary_verified_github_email_is_linked(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"}, complete_schema)
    try:
        ben = app.client.sign_in("Ada").add_user("Ben")
        provider_server.claims = GITHUB | {"email": "ben@example.org", "email_verified": True}
        assert is_rejected(Browser(app.client), "github"), "the address is not the primary one"
        provider_server.emails = [{"email": "ben@example.org", "primary": True, "verified": False}]
        assert is_rejected(Browser(app.client), "github")
        provider_server.emails = [{"email": "ben@example.org", "primary": True, "verified": True}]
        assert Browser(app.client).sign_in("github").account["id"] == ben.account["id"]
    finally:
        app.close()


@pytest.mark.case("AB-77")
@pytest.mark.parametrize("number", ["583231", True, None, 1.5, [583231]])
def test_github_id_that_is_not_a_number_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, number: Any
) -> None:
    provider_server.claims = GITHUB | {"id": number}
    assert is_rejected(browser, "github")


def test_github_token_without_expiry_is_stored(
    browser: Browser, provider_server: AuthorizationServer, admin: Client
) -> None:
    provider_server.claims = dict(GITHUB)
    provider_server.token = {"expires_in": None, "refresh_token": None, "token_type": "bearer"}
    account = browser.sign_in("github").account
    [session] = admin.get(f"/api/v1/users/{account['id']}/oauth/sessions").json
    assert session["provider"] == "github" and session["expires_at"] is None
    oauth_user = Client(browser.app.transport, browser.cookies[APP_URL]["token"])
    assert oauth_user.get("/api/v1/auths/signout").json == {"status": True}


# -- Feishu -----------------------------------------------------------------------------------------------------


def test_feishu_profile_is_read_from_envelope(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.claims = dict(FEISHU)
    assert browser.sign_in("feishu").account["name"] == "Grace"
    assert provider_server.requests_to("/open-apis/authen/v1/authorize")[0]["client_id"]


@pytest.mark.parametrize(
    "body",
    [b'{"code": 20005, "msg": "bad token"}', b'{"code": 0, "data": null}', b'{"code": 0}', b"[]"],
)
def test_feishu_response_without_profile_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, body: bytes
) -> None:
    provider_server.broken["/open-apis/authen/v1/user_info"] = (200, body)
    assert is_rejected(browser, "feishu")


@pytest.mark.case("AB-76")
def test_feishu_email_is_never_verified(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"}, complete_schema)
    try:
        app.client.sign_in("Ada").add_user("Ben")
        provider_server.claims = FEISHU | {"email": "ben@example.org", "email_verified": True}
        assert "already registered" in Browser(app.client).sign_in("feishu").error
    finally:
        app.close()


# -- Microsoft --------------------------------------------------------------------------------------------------


def serve_tenants(provider_server: AuthorizationServer, **more: Any) -> None:
    """Let the server answer as Microsoft's endpoint for many tenants."""
    issuer = f"{provider_server.url}/{TENANT}/v2.0"
    provider_server.id_token = {"iss": issuer, "tid": TENANT} | more
    provider_server.callback_params = {"iss": None}
    provider_server.metadata = {"authorization_response_iss_parameter_supported": None}


def test_microsoft_issuer_contains_tenant(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    serve_tenants(provider_server)
    assert browser.sign_in("microsoft").account["email"] == "grace@example.org"
    discovery = provider_server.requests_to("/common/v2.0/.well-known/openid-configuration")
    assert discovery[0]["appid"] == "portico"


OTHER = "99999999-2222-3333-4444-555555555555"


@pytest.mark.case("AB-75")
@pytest.mark.parametrize(
    "claims",
    [
        {"tid": OTHER},
        {"tid": None},
        {"iss": "https://evil.example/{tenantid}/v2.0"},
        {"tid": "{tenantid}"},
        {"tid": "evil", "tail": "evil"},
        {"tid": f"{TENANT}/../x", "tail": f"{TENANT}/../x"},
        {"tail": ""},
    ],
)
def test_microsoft_token_of_another_tenant_is_rejected(
    browser: Browser, provider_server: AuthorizationServer, claims: dict[str, Any]
) -> None:
    given = dict(claims)
    if "tail" in given:
        given["iss"] = f"{provider_server.url}/{given.pop('tail')}/v2.0"
    serve_tenants(provider_server, **given)
    assert is_rejected(browser, "microsoft")


@pytest.mark.case("AB-75")
def test_microsoft_key_of_another_tenant_is_rejected(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    serve_tenants(provider_server)
    public = provider_server.public
    mine = f"{provider_server.url}/{{tenantid}}/v2.0"
    theirs = f"{provider_server.url}/{OTHER}/v2.0"
    provider_server.public = lambda kid: public(kid) | {"issuer": theirs}  # type: ignore[method-assign]
    assert is_rejected(browser, "microsoft")
    provider_server.rotate()
    provider_server.public = lambda kid: public(kid) | {"issuer": mine}  # type: ignore[method-assign]
    assert browser.sign_in("microsoft").account


@pytest.mark.case("AB-76")
def test_microsoft_email_is_never_verified(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    """The administrator of any tenant can enter any address."""
    app = InProcessApp(env | {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"}, complete_schema)
    try:
        app.client.sign_in("Ada").add_user("Ben")
        serve_tenants(provider_server)
        provider_server.claims["email"] = "ben@example.org"
        assert "already registered" in Browser(app.client).sign_in("microsoft").error
    finally:
        app.close()


# -- redirects --------------------------------------------------------------------------------------------------


def test_redirect_uri_follows_settings(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    more = {
        "WEBUI_URL": "https://chat.example.org/",
        "OPENID_REDIRECT_URI": "https://other.example/cb",
    }
    app = InProcessApp(env | more, complete_schema)
    try:
        client = app.client
        google = query_of(client.get("/oauth/google/login").headers["location"])
        assert google["redirect_uri"] == "https://chat.example.org/oauth/google/callback"
        oidc = query_of(client.get("/oauth/oidc/login").headers["location"])
        assert oidc["redirect_uri"] == "https://other.example/cb"
        answer = client.get("/oauth/oidc/callback?state=x")
        assert answer.status == 400
    finally:
        app.close()


FOREIGN_URLS = [
    "//evil.example",
    "https:evil",
    "\\\\evil",
    "javascript:alert(1)",
    "/\r\nset-cookie: a=b",
]


@pytest.mark.case("AB-78")
def test_query_parameters_cannot_change_redirect(browser: Browser) -> None:
    for target in FOREIGN_URLS:
        more = dict.fromkeys(
            ("redirect_url", "next", "redirect_uri", "return_to", "target"), target
        )
        url = with_query(f"{APP_URL}/oauth/oidc/login", **more)
        callback_url, _ = browser.follow(url)
        result = browser.open_callback(with_query(callback_url, **more))
        assert result.response.headers["location"] == f"{APP_URL}/auth"


@pytest.mark.case("AB-78")
def test_error_text_of_provider_is_not_repeated(browser: Browser) -> None:
    for text in FOREIGN_URLS:
        callback_url, _ = browser.follow(f"{APP_URL}/oauth/oidc/login")
        answer = browser.get(
            with_query(callback_url, code=None, error=text, error_description=text)
        )
        location = answer.headers["location"]
        assert answer.status == 307 and location.startswith(f"{APP_URL}/auth?error=")
        assert location.isascii() and location.isprintable() and "evil" not in location
        assert not [cookie for cookie in answer.cookies if cookie.startswith(("a=", "token="))]


@pytest.mark.case("AB-78")
def test_invalid_host_header_is_not_used_in_redirect(client: Client) -> None:
    for host in ("evil.example/x", "a b", "evil\\x", "a@b", "<x>", ""):
        answer = client.get("/oauth/oidc/login", headers=[("host", host)])
        if answer.status == 302:
            assert query_of(answer.headers["location"])["redirect_uri"] == "/oauth/oidc/callback"
        else:
            assert 400 <= answer.status < 500


# -- roles and groups -------------------------------------------------------------------------------------------


@pytest.mark.case("AB-79")
def test_role_follows_provider_at_each_sign_in(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    app = InProcessApp(env | {"ENABLE_OAUTH_ROLE_MANAGEMENT": "true"}, complete_schema)
    try:
        browser = Browser(app.client)
        for claim, role in (
            (["user"], "user"), (["admin"], "admin"), (["Admin"], "user"), ("admin", "admin"), (None, "user"),
        ):  # fmt: skip
            provider_server.claims["roles"] = claim
            assert browser.sign_in().account["role"] == role, claim
        provider_server.claims["roles"] = {"admin": True}
        assert Browser(app.client).sign_in().error
    finally:
        app.close()


@pytest.mark.case("AB-79")
def test_last_administrator_keeps_role(
    env: dict[str, str], provider_server: AuthorizationServer, tmp_path: Any
) -> None:
    fresh = {"DATA_DIR": str(tmp_path / "fresh"), "ENABLE_OAUTH_ROLE_MANAGEMENT": "true"}
    app = InProcessApp({k: v for k, v in env.items() if k != "DATABASE_URL"} | fresh)
    try:
        provider_server.claims["roles"] = "nothing"
        for _ in range(2):
            assert Browser(app.client).sign_in().account["role"] == "admin"
    finally:
        app.close()


def test_groups_follow_provider_at_each_sign_in(
    env: dict[str, str],
    provider_server: AuthorizationServer,
    complete_schema: Callable[[Application], None],
) -> None:
    more = {
        "ENABLE_OAUTH_GROUP_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_CREATION": "true",
        "OAUTH_BLOCKED_GROUPS": '["board", "^secret", "tmp-*"]',
    }
    app = InProcessApp(env | more, complete_schema)
    try:
        ada = app.client.sign_in("Ada")
        board = ada.post("/api/v1/groups/create", {"name": "board", "description": ""}).json["id"]
        browser = Browser(app.client)

        def groups(claim: Any) -> set[str]:
            provider_server.claims["groups"] = claim
            oauth_user = Client(app.client.transport, browser.sign_in().token)
            return {one["name"] for one in oauth_user.get("/api/v1/groups/").json}

        assert groups(["staff", "ops", "board", "secret-1", "tmp-x"]) == {"staff", "ops"}
        assert groups("ops;news") == {"ops", "news"}
        assert groups([]) == {"ops", "news"}, "an empty claim changes nothing"
        assert groups({"ops": 1}) == set(), "a claim that cannot be read has no groups"
        assert groups("ops;news") == {"ops", "news"}
        account = browser.sign_in().account
        ids = {"user_ids": [account["id"]]}
        assert ada.post(f"/api/v1/groups/id/{board}/users/add", ids).status == 200
        assert groups(["news"]) == {"news", "board"}, "blocked groups are not left"
    finally:
        app.close()
