"""Sign-in with the claims, responses and discovery documents that providers really send, over a real port."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.oauth.authorization_server import CLIENT_ID, AuthorizationServer
from tests.plugins.oauth.browser import APP_URL, Browser, query_of

from portico.testing import Client, InProcessApp
from portico_oauth.login.provider import OAuthProvider

pytestmark = pytest.mark.usefixtures("admin")
ALL = ("email", "email_verified", "name", "groups", "roles")


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """Groups and roles come from the provider, and verified addresses are linked."""
    return env | {
        "ENABLE_OAUTH_GROUP_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_CREATION": "true",
        "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true",
    }


@pytest.fixture
def oidc(app: InProcessApp) -> OAuthProvider:
    found = app.portico.identity.auth.providers["oidc"]
    assert isinstance(found, OAuthProvider)
    return found


def forget_documents(oidc: OAuthProvider) -> None:
    """Load the discovery document and the keys again."""
    assert oidc.discovery is not None
    for cached in (oidc.discovery._metadata, oidc.discovery._keys):
        cached._expires_at = cached._retry_at = -1.0


class Sent(msgspec.Struct):
    """What a provider sends, and what the user then has. `settings`: of the operator for this provider."""

    claims: dict[str, Any]
    groups: set[str] = set()
    settings: dict[str, Any] = {}
    name: str = "Grace"
    role: str = "user"
    omitted: tuple[str, ...] = ()


PROVIDERS = {
    "Entra": Sent(
        {"groups": ["0f8f-1", "0f8f-2"], "tid": "1111", "ver": "2.0", "email_verified": None, "oid": "o"},
        {"0f8f-1", "0f8f-2"},
    ),
    "Google": Sent({"hd": "example.org", "azp": CLIENT_ID, "email_verified": True}),
    "Okta": Sent({"groups": ["Everyone", "staff"], "ver": 1, "amr": ["pwd"]}, {"Everyone", "staff"}),
    "Auth0": Sent(
        {"https://chat.example.org/groups": ["staff"], "sid": 7, "jti": 5},
        {"staff"},
        {"groups_claim": "https://chat.example.org/groups"},
    ),
    "Keycloak": Sent(
        {"resource_access": {"chat.example.org": {"roles": ["staff", "user"]}}, "tid": 7, "acr": "1"},
        {"staff", "user"},
        {
            "groups_claim": "resource_access.chat.example.org.roles",
            "roles_claim": "resource_access.chat.example.org.roles",
            "role_management": True,
        },
    ),
    "Zitadel": Sent(
        {"urn:zitadel:iam:org:project:roles": {"staff": {"17": "a.example"}, "admin": {"17": "a.example"}}},
        {"staff", "admin"},
        {
            "groups_claim": "urn:zitadel:iam:org:project:roles",
            "roles_claim": "urn:zitadel:iam:org:project:roles",
            "role_management": True,
        },
        role="admin",
        omitted=("urn:zitadel:iam:org:project:roles",),
    ),
    "Cognito": Sent(
        {"custom:groups": "[staff, night shift]", "email_verified": "true", "cognito:username": "g"},
        {"staff", "night shift"},
        {"groups_claim": "custom:groups"},
        omitted=("email", "email_verified", "name"),
    ),
    "Authelia": Sent({"groups": ["staff", None]}, {"staff"}, omitted=ALL),
    "GitLab": Sent({"groups_direct": ["a/b"]}, {"a/b"}, {"groups_claim": "groups_direct"}),
    "ADFS": Sent({"group": "Domain Users"}, {"Domain Users"}, {"groups_claim": "group"}),
    "Azure B2C": Sent(
        {"emails": ["b2c@example.org"], "email": None, "email_verified": None, "tfp": "B2C_1_in"},
        settings={"email_claim": "emails"},
    ),
    "teams as objects": Sent({"groups": [{"id": 1, "name": "Staff"}, None]}, {"Staff"}),
    "groups of an unknown shape": Sent({"groups": {"admin": True, "staff": 1}}),
    "a name in a list": Sent({"name": ["Grace", "G."]}),
}  # fmt: skip


@pytest.mark.case("AB-79")
def test_claims_of_each_provider_sign_the_user_in(
    oidc: OAuthProvider,
    browser: Browser,
    provider_server: AuthorizationServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    usual = oidc._settings
    for number, (name, sent) in enumerate(PROVIDERS.items()):
        oidc._settings = msgspec.structs.replace(usual, **sent.settings)
        own = {"sub": f"s-{number}", "email": f"g{number}@example.org", "name": "Grace"}
        provider_server.claims = own | sent.claims
        provider_server.omitted_from_id_token = sent.omitted
        result = browser.sign_in()
        assert not result.error, f"{name}: {result.error}"
        account = result.account
        assert (account["name"], account["role"]) == (sent.name, sent.role), name
        groups = Client(browser.app.transport, result.token).get("/api/v1/groups/").json
        if sent.role != "admin":  # whose groups are not managed
            assert {group["name"] for group in groups} == sent.groups, name
    warnings = [line for line in capsys.readouterr().err.splitlines() if "claim not used" in line]
    assert len(warnings) == 1 and '"claim": "groups"' in warnings[0] and "staff" not in warnings[0]


@pytest.mark.case("AB-76")
def test_email_verified_of_every_kind_links_or_not(
    admin: Client, browser: Browser, provider_server: AuthorizationServer
) -> None:
    for number, (verified, links) in enumerate(
        [("true", True), (1, True), ("false", False), ("yes", False), (1.0, False), ({"true": True}, False)]
    ):  # fmt: skip
        ben = admin.add_user(f"Ben{number}")
        claims = {"sub": f"s-{number}", "email": ben.account["email"], "name": "Ben"}
        provider_server.claims = claims | {"email_verified": verified}
        result = Browser(browser.app).sign_in()
        assert bool(result.token) is links, verified
        if links:
            assert result.account["id"] == ben.account["id"], verified


# -- userinfo ---------------------------------------------------------------------------------------------------


def signed_userinfo(server: AuthorizationServer, **more: Any) -> Callable[[dict[str, Any]], str]:
    """Return what makes a signed response of the userinfo endpoint; None removes a claim."""

    def sign(claims: dict[str, Any]) -> str:
        whole = {"iss": server.url, "aud": CLIENT_ID} | claims | more
        return server.signed({name: value for name, value in whole.items() if value is not None})

    return sign


def forged(server: AuthorizationServer) -> Callable[[dict[str, Any]], str]:
    def sign(claims: dict[str, Any]) -> str:
        head, _, signature = signed_userinfo(server)(claims).split(".")
        body = signed_userinfo(server, email="victim@example.org")(claims).split(".")[1]
        return f"{head}.{body}.{signature}"

    return sign


def unsigned(server: AuthorizationServer) -> Callable[[dict[str, Any]], str]:
    no_algorithm = "eyJhbGciOiJub25lIn0"
    return lambda claims: f"{no_algorithm}.{signed_userinfo(server)(claims).split('.')[1]}."


@pytest.mark.case("AB-75")
def test_signed_userinfo_is_verified(
    browser: Browser, provider_server: AuthorizationServer, count: Callable[[], int]
) -> None:
    provider_server.omitted_from_id_token = ALL
    provider_server.userinfo_token = signed_userinfo(provider_server)
    assert browser.sign_in().account["email"] == "grace@example.org"
    for name, userinfo_token in {
        "another issuer": signed_userinfo(provider_server, iss="https://evil.example"),
        "no issuer": signed_userinfo(provider_server, iss=None),
        "another client": signed_userinfo(provider_server, aud=["other"]),
        "no client": signed_userinfo(provider_server, aud=None),
        "expired": signed_userinfo(provider_server, exp=1_000_000_000),
        "another subject": signed_userinfo(provider_server, sub="victim"),
        "no subject": signed_userinfo(provider_server, sub=None),
        "claims that were not signed": forged(provider_server),
        "no signature": unsigned(provider_server),
        "encrypted": lambda _: "eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d",
        "not a token": lambda _: "\xe9",
    }.items():
        provider_server.userinfo_token = userinfo_token
        result = Browser(browser.app).sign_in()
        assert result.error and not result.token and count() == 2, name


def test_failing_userinfo_matters_only_if_the_id_token_lacks_a_claim(
    oidc: OAuthProvider, browser: Browser, provider_server: AuthorizationServer
) -> None:
    """Without a name in the id token, the userinfo endpoint is asked; the name is not needed."""
    provider_server.claims |= {"groups": [], "name": None}
    for name, provider_server.broken["/userinfo"] in {
        "not found": (404, b"{}"),
        "refused": (403, b'{"error": "insufficient_scope"}'),
        "an error": (500, b""),
        "not JSON": (200, b"<html>"),
        "a list": (200, b"[]"),
        "no subject": (200, b"{}"),
        "not a token": (200, b"eyJ.eyJ.x"),
    }.items():
        assert not browser.sign_in().error, name
    for claim in ("email", "groups"):  # without the groups, the user would keep those of last time
        provider_server.omitted_from_id_token = (claim,)
        assert browser.sign_in().error, claim
    provider_server.broken["/userinfo"] = (200, b'{"sub": "victim"}')
    provider_server.omitted_from_id_token = ()
    assert browser.sign_in().error, "another subject is never ignored"


def test_null_of_the_userinfo_endpoint_overrides_nothing(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.claims |= {"groups": ["staff"], "name": None}
    body = b'{"sub": "s-1", "name": "Grace", "groups": null, "email": null, "email_verified": null}'
    provider_server.broken["/userinfo"] = (200, body)
    result = browser.sign_in()
    assert result.account["name"] == "Grace" and result.account["email"] == "grace@example.org"
    groups = Client(browser.app.transport, result.token).get("/api/v1/groups/").json
    assert [group["name"] for group in groups] == ["staff"]


# -- discovery documents and the token endpoint -----------------------------------------------------------------

ODD_MEMBERS: dict[str, Any] = {
    "userinfo_endpoint": "not an address",
    "end_session_endpoint": ["https://a.example"],
    "id_token_signing_alg_values_supported": "RS256",
    "userinfo_signing_alg_values_supported": [None, 7],
    "token_endpoint_auth_methods_supported": {"basic": True},
    "authorization_response_iss_parameter_supported": "perhaps",
}


def test_odd_optional_members_of_discovery_documents_are_ignored(
    oidc: OAuthProvider,
    browser: Browser,
    provider_server: AuthorizationServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    odd = {
        "scopes_supported": 7,
        "claims_supported": {"x": 1},
        "backchannel_logout_supported": "yes",
    }
    for name, value in ODD_MEMBERS.items():
        provider_server.metadata = odd | {name: value}
        forget_documents(oidc)
        assert not browser.sign_in().error, name
        assert f'"members": ["{name}"]' in capsys.readouterr().err, name
    provider_server.metadata = {"authorization_response_iss_parameter_supported": "true"}
    provider_server.callback_params = {"iss": None}
    forget_documents(oidc)
    assert browser.sign_in().error, "a text that says yes makes the check stricter"


def test_odd_members_of_keys_are_ignored(
    browser: Browser, provider_server: AuthorizationServer
) -> None:
    public = provider_server.public
    provider_server.public = lambda kid: (
        public(kid) | {"use": None, "alg": None, "x5c": [7], "x5t#S256": 7}
    )  # type: ignore[method-assign]
    assert browser.sign_in().account


def test_missing_or_invalid_needed_member_is_named(
    oidc: OAuthProvider,
    browser: Browser,
    provider_server: AuthorizationServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (("token_endpoint", None), ("jwks_uri", 7), ("issuer", "example.org")):
        provider_server.metadata = {name: value}
        answer = browser.get(f"{APP_URL}/oauth/oidc/login")
        assert "could not be reached" in query_of(answer.headers["location"])["error"], name
        assert f"names no valid {name}" in capsys.readouterr().err, name


#: What the discovery document announces, what the client is registered for, and how many requests that takes.
METHODS: dict[str, tuple[Any, tuple[str, ...], int]] = {
    "form-encoded, as in the standard": (None, ("client_secret_basic",), 1),
    "not form-encoded": (None, ("plain_basic",), 2),
    "announced, but not for this client": (
        ["client_secret_basic", "client_secret_post"], ("client_secret_post",), 2,
    ),
    "only in the body": (["client_secret_post"], ("client_secret_post",), 1),
    "both": (["client_secret_post", "client_secret_basic"], ("client_secret_basic", "client_secret_post"), 1),
    "only methods that are unknown": (["private_key_jwt"], ("client_secret_basic",), 1),
}  # fmt: skip


def test_client_authenticates_as_the_provider_accepts(
    oidc: OAuthProvider, browser: Browser, provider_server: AuthorizationServer
) -> None:
    """The client's secret has characters that form encoding changes."""
    for name, (announced, provider_server.client_methods, requests) in METHODS.items():
        provider_server.metadata = {"token_endpoint_auth_methods_supported": announced}
        oidc._authentication._accepted = None
        forget_documents(oidc)
        provider_server.seen.clear()
        assert not browser.sign_in().error, name
        assert len(provider_server.requests_to("/token")) == requests, name
        if requests > 1:
            assert not browser.sign_in().error, name
            assert len(provider_server.requests_to("/token")) == requests + 1, "not remembered"
    provider_server.client_methods = ()
    assert browser.sign_in().error


def test_client_is_accepted_although_its_first_request_used_the_code(
    oidc: OAuthProvider, browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.client_methods = ("plain_basic",)
    provider_server.refusal_uses_code = True
    assert browser.sign_in().error
    assert browser.sign_in().account


def test_refusal_of_the_client_without_a_body_is_understood(
    oidc: OAuthProvider, browser: Browser, provider_server: AuthorizationServer
) -> None:
    provider_server.client_methods = ("plain_basic",)
    for provider_server.refusal in (
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"error": "unauthorized_client"}',
    ):
        oidc._authentication._accepted = None
        assert browser.sign_in().account, provider_server.refusal
