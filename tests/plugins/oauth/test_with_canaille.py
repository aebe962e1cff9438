"""Signing in at a real OpenID Connect provider, Canaille, over a real port.

Every sign-in that is begun here is ended: its store of codes in memory gives out any code of a client for another.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_iam import Server, iam_configuration, iam_server, iam_server_port  # noqa: F401 - fixtures
from tests.plugins.oauth.browser import HOUSE, Browser

from portico.api import ProviderTokens, execute
from portico.testing import Client, InProcessApp

CLIENT_ID, CLIENT_SECRET = "portico", "portico-secret"


@pytest.fixture
def database_url() -> str:
    """One is enough: nothing here depends on it."""
    return ""


@pytest.fixture(scope="module")
def registered(iam_server: Server) -> Iterator[Any]:  # noqa: F811
    """This house, registered as a client."""
    client = iam_server.models.Client(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        client_name="Portico",
        client_uri=HOUSE,
        redirect_uris=[f"{HOUSE}/oauth/oidc/callback"],
        post_logout_redirect_uris=[f"{HOUSE}/auth"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code", "token", "id_token"],
        token_endpoint_auth_method="client_secret_basic",
        scope=["openid", "profile", "email", "groups"],
    )
    iam_server.backend.save(client)
    client.audience = [client]  # else its id tokens are for nobody
    iam_server.backend.save(client)
    yield client
    iam_server.backend.delete(client)


@pytest.fixture
def env(
    env: dict[str, str],
    iam_server: Server,  # noqa: F811
    registered: Any,
) -> dict[str, str]:
    return env | {
        "OAUTH_CLIENT_ID": CLIENT_ID,
        "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
        "OPENID_PROVIDER_URL": f"{iam_server.url}.well-known/openid-configuration",
        "OAUTH_SCOPES": "openid email profile groups",
        "ENABLE_OAUTH_SIGNUP": "true",
        "ENABLE_OAUTH_GROUP_MANAGEMENT": "true",
        "ENABLE_OAUTH_GROUP_CREATION": "true",
        "WEBUI_AUTH_SIGNOUT_REDIRECT_URL": f"{HOUSE}/auth",
    }


@pytest.fixture
def somebody(iam_server: Server, registered: Any) -> Iterator[Any]:  # noqa: F811
    """Somebody who is signed in at the provider."""
    user = iam_server.random_user(
        user_name="grace", formatted_name="Grace", emails=["grace@example.org"]
    )
    iam_server.consent(user)
    iam_server.login(user)
    yield user
    iam_server.logout()
    iam_server.backend.delete(user)


def test_somebody_signs_in_at_a_real_provider(browser: Browser, somebody: Any) -> None:
    landing = browser.sign_in()
    assert landing.answer.headers["location"] == f"{HOUSE}/auth"
    assert landing.account["email"] == "grace@example.org"
    assert landing.account["name"] == "Grace"


def test_its_groups_become_groups_here(
    admin: Client,
    browser: Browser,
    somebody: Any,
    iam_server: Server,  # noqa: F811
) -> None:
    group = iam_server.random_group(display_name="staff", members=[somebody])
    someone = Client(browser.app.transport, browser.sign_in().token)
    assert [one["name"] for one in someone.get("/api/v1/groups/").json] == ["staff"]
    iam_server.backend.delete(group)


def test_it_renews_what_it_gave(
    admin: Client, browser: Browser, somebody: Any, app: InProcessApp
) -> None:
    assert browser.sign_in().account
    session_id = browser.cookies[HOUSE]["oauth_session_id"]
    tokens = app.portico.context.services.require(ProviderTokens)
    before = app.call(tokens.access_token, session_id)
    app.call(execute, "UPDATE oauth_session SET expires_at = 1")
    after = app.call(tokens.access_token, session_id)
    assert before and after and before != after


def test_signing_out_leads_there_and_back(admin: Client, browser: Browser, somebody: Any) -> None:
    someone = Client(browser.app.transport, browser.sign_in().token)
    address = someone.get("/api/v1/auths/signout").json["redirect_url"]
    back, _ = browser.follow(address)
    assert back.startswith(f"{HOUSE}/auth")
    assert someone.get("/api/v1/auths/").status == 401
