"""Every provider in its own way: Google, GitHub, Feishu, and Microsoft for many tenants."""

from typing import Any

import pytest
from tests.plugins.oauth.authorization_server import CLIENT_SECRET, TENANT, Authority
from tests.plugins.oauth.browser import HOUSE, Browser, query_of, with_query

from portico.testing import Client, InProcessApp

pytestmark = pytest.mark.usefixtures("admin")
GITHUB = {"id": 583231, "login": "grace", "name": "Grace", "email": None, "sub": None}
FEISHU = {"user_id": "5d9bdxxx", "open_id": "ou-1", "name": "Grace", "email": "grace@example.org"}


@pytest.fixture
def database_url() -> str:
    """One is enough: nothing here depends on it."""
    return ""


def refused(browser: Browser, provider: str) -> bool:
    landing = browser.sign_in(provider)
    assert landing.answer.status == 307 and not landing.token
    return bool(landing.error)


def test_google(browser: Browser, authority: Authority) -> None:
    assert browser.sign_in("google").account["email"] == "grace@example.org"
    assert authority.asked("/authorize")[0]["scope"] == "openid email profile"


# -- GitHub -----------------------------------------------------------------------------------------------------


def test_github_tells_the_address_only_when_asked_for_it(
    browser: Browser, authority: Authority
) -> None:
    authority.claims = dict(GITHUB)
    assert browser.sign_in("github").account["email"] == "grace@example.org"
    asked = authority.asked("/login/oauth/authorize")[0]
    assert asked["scope"] == "user:email" and asked["code_challenge_method"] == "S256"
    assert "nonce" not in asked
    assert authority.asked("/login/oauth/access_token")[0]["client_secret"] == CLIENT_SECRET


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
def test_AB_76_an_address_that_github_has_not_verified_is_none(
    browser: Browser, authority: Authority, emails: Any
) -> None:
    authority.claims, authority.emails = dict(GITHUB), emails
    assert refused(browser, "github")


def test_AB_76_github_vouches_for_the_primary_verified_address_alone(
    env: dict[str, str], authority: Authority
) -> None:
    app = InProcessApp(env | {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"})
    try:
        ben = app.client.sign_in("Ada").add_user("Ben")
        authority.claims = GITHUB | {"email": "ben@example.org", "email_verified": True}
        assert refused(Browser(app.client), "github"), "the primary address is another"
        authority.emails = [{"email": "ben@example.org", "primary": True, "verified": False}]
        assert refused(Browser(app.client), "github")
        authority.emails = [{"email": "ben@example.org", "primary": True, "verified": True}]
        assert Browser(app.client).sign_in("github").account["id"] == ben.account["id"]
    finally:
        app.close()


@pytest.mark.parametrize("number", ["583231", True, None, 1.5, [583231]])
def test_AB_77_github_counts_its_people_in_numbers(
    browser: Browser, authority: Authority, number: Any
) -> None:
    authority.claims = GITHUB | {"id": number}
    assert refused(browser, "github")


def test_a_github_token_without_an_end_is_kept(
    browser: Browser, authority: Authority, admin: Client
) -> None:
    authority.claims = dict(GITHUB)
    authority.token = {"expires_in": None, "refresh_token": None, "token_type": "bearer"}
    account = browser.sign_in("github").account
    [session] = admin.get(f"/api/v1/users/{account['id']}/oauth/sessions").json
    assert session["provider"] == "github" and session["expires_at"] is None
    someone = Client(browser.app.transport, browser.cookies[HOUSE]["token"])
    assert someone.get("/api/v1/auths/signout").json == {"status": True}


# -- Feishu -----------------------------------------------------------------------------------------------------


def test_feishu_wraps_its_profile(browser: Browser, authority: Authority) -> None:
    authority.claims = dict(FEISHU)
    assert browser.sign_in("feishu").account["name"] == "Grace"
    assert authority.asked("/open-apis/authen/v1/authorize")[0]["client_id"]


@pytest.mark.parametrize(
    "body",
    [b'{"code": 20005, "msg": "bad token"}', b'{"code": 0, "data": null}', b'{"code": 0}', b"[]"],
)
def test_feishu_without_a_profile_is_refused(
    browser: Browser, authority: Authority, body: bytes
) -> None:
    authority.broken["/open-apis/authen/v1/user_info"] = (200, body)
    assert refused(browser, "feishu")


def test_AB_76_feishu_vouches_for_nothing(env: dict[str, str], authority: Authority) -> None:
    app = InProcessApp(env | {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"})
    try:
        app.client.sign_in("Ada").add_user("Ben")
        authority.claims = FEISHU | {"email": "ben@example.org", "email_verified": True}
        assert "already registered" in Browser(app.client).sign_in("feishu").error
    finally:
        app.close()


# -- Microsoft --------------------------------------------------------------------------------------------------


def tenants(authority: Authority, **more: Any) -> None:
    """The authority as Microsoft's endpoint for many tenants."""
    issuer = f"{authority.url}/{TENANT}/v2.0"
    authority.id_token = {"iss": issuer, "tid": TENANT} | more
    authority.answer = {"iss": None}
    authority.metadata = {"authorization_response_iss_parameter_supported": None}


def test_microsoft_names_the_tenant_in_its_issuer(browser: Browser, authority: Authority) -> None:
    tenants(authority)
    assert browser.sign_in("microsoft").account["email"] == "grace@example.org"
    discovery = authority.asked("/common/v2.0/.well-known/openid-configuration")
    assert discovery[0]["appid"] == "portico"


OTHER = "99999999-2222-3333-4444-555555555555"


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
def test_AB_75_one_tenant_of_microsoft_does_not_speak_for_another(
    browser: Browser, authority: Authority, claims: dict[str, Any]
) -> None:
    given = dict(claims)
    if "tail" in given:
        given["iss"] = f"{authority.url}/{given.pop('tail')}/v2.0"
    tenants(authority, **given)
    assert refused(browser, "microsoft")


def test_AB_75_a_key_that_is_for_one_tenant_signs_for_no_other(
    browser: Browser, authority: Authority
) -> None:
    tenants(authority)
    public = authority.public
    mine = f"{authority.url}/{{tenantid}}/v2.0"
    theirs = f"{authority.url}/{OTHER}/v2.0"
    authority.public = lambda kid: public(kid) | {"issuer": theirs}  # type: ignore[method-assign]
    assert refused(browser, "microsoft")
    authority.rotate()
    authority.public = lambda kid: public(kid) | {"issuer": mine}  # type: ignore[method-assign]
    assert browser.sign_in("microsoft").account


def test_AB_76_microsoft_vouches_for_nothing(env: dict[str, str], authority: Authority) -> None:
    """Anybody can have a tenant, and write any address there."""
    app = InProcessApp(env | {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"})
    try:
        app.client.sign_in("Ada").add_user("Ben")
        tenants(authority)
        authority.claims["email"] = "ben@example.org"
        assert "already registered" in Browser(app.client).sign_in("microsoft").error
    finally:
        app.close()


# -- addresses --------------------------------------------------------------------------------------------------


def test_the_way_back_is_what_the_operator_says(env: dict[str, str]) -> None:
    more = {
        "WEBUI_URL": "https://chat.example.org/",
        "OPENID_REDIRECT_URI": "https://other.example/cb",
    }
    app = InProcessApp(env | more)
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


ELSEWHERE = [
    "//evil.example",
    "https:evil",
    "\\\\evil",
    "javascript:alert(1)",
    "/\r\nset-cookie: a=b",
]


def test_AB_78_nobody_is_sent_where_an_address_says(browser: Browser) -> None:
    for target in ELSEWHERE:
        more = dict.fromkeys(
            ("redirect_url", "next", "redirect_uri", "return_to", "target"), target
        )
        url = with_query(f"{HOUSE}/oauth/oidc/login", **more)
        back, _ = browser.follow(url)
        landing = browser.land(with_query(back, **more))
        assert landing.answer.headers["location"] == f"{HOUSE}/auth"


def test_AB_78_what_a_provider_says_of_its_errors_is_not_repeated(browser: Browser) -> None:
    for text in ELSEWHERE:
        back, _ = browser.follow(f"{HOUSE}/oauth/oidc/login")
        answer = browser.get(with_query(back, code=None, error=text, error_description=text))
        location = answer.headers["location"]
        assert answer.status == 307 and location.startswith(f"{HOUSE}/auth?error=")
        assert location.isascii() and location.isprintable() and "evil" not in location
        assert not [cookie for cookie in answer.cookies if cookie.startswith(("a=", "token="))]


def test_AB_78_a_host_that_no_browser_sends_leads_nowhere_else(client: Client) -> None:
    for host in ("evil.example/x", "a b", "evil\\x", "a@b", "<x>", ""):
        answer = client.get("/oauth/oidc/login", headers=[("host", host)])
        if answer.status == 302:
            assert query_of(answer.headers["location"])["redirect_uri"] == "/oauth/oidc/callback"
        else:
            assert 400 <= answer.status < 500


# -- roles and groups -------------------------------------------------------------------------------------------


def test_AB_79_roles_come_and_go_with_the_provider(
    env: dict[str, str], authority: Authority
) -> None:
    app = InProcessApp(env | {"ENABLE_OAUTH_ROLE_MANAGEMENT": "true"})
    try:
        browser = Browser(app.client)
        for claim, role in (
            (["user"], "user"), (["admin"], "admin"), (["Admin"], "user"), ("admin", "admin"), (None, "user"),
        ):  # fmt: skip
            authority.claims["roles"] = claim
            assert browser.sign_in().account["role"] == role, claim
        authority.claims["roles"] = {"admin": True}
        assert Browser(app.client).sign_in().error
    finally:
        app.close()


def test_AB_79_the_last_administrator_stays_one(
    env: dict[str, str], authority: Authority, tmp_path: Any
) -> None:
    fresh = {"DATA_DIR": str(tmp_path / "fresh"), "ENABLE_OAUTH_ROLE_MANAGEMENT": "true"}
    app = InProcessApp({k: v for k, v in env.items() if k != "DATABASE_URL"} | fresh)
    try:
        authority.claims["roles"] = "nothing"
        for _ in range(2):
            assert Browser(app.client).sign_in().account["role"] == "admin"
    finally:
        app.close()


def test_groups_come_and_go_with_the_provider(env: dict[str, str], authority: Authority) -> None:
    more = {
        "ENABLE_OAUTH_GROUP_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_CREATION": "true",
        "OAUTH_BLOCKED_GROUPS": '["board", "^secret", "tmp-*"]',
    }
    app = InProcessApp(env | more)
    try:
        ada = app.client.sign_in("Ada")
        board = ada.post("/api/v1/groups/create", {"name": "board", "description": ""}).json["id"]
        browser = Browser(app.client)

        def groups(claim: Any) -> set[str]:
            authority.claims["groups"] = claim
            someone = Client(app.client.transport, browser.sign_in().token)
            return {one["name"] for one in someone.get("/api/v1/groups/").json}

        assert groups(["staff", "ops", "board", "secret-1", "tmp-x"]) == {"staff", "ops"}
        assert groups("ops;news") == {"ops", "news"}
        assert groups([]) == {"ops", "news"}, "no word is no change"
        account = browser.sign_in().account
        ids = {"user_ids": [account["id"]]}
        assert ada.post(f"/api/v1/groups/id/{board}/users/add", ids).status == 200
        assert groups(["news"]) == {"news", "board"}, "it is not the provider's to take away"
    finally:
        app.close()
