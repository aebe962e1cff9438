"""Sign-in at a real OpenID Connect provider, Canaille, over a real port.

Every sign-in that a test starts is completed: Canaille's store in memory confuses pending codes of one client.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_iam import Server, iam_configuration, iam_server, iam_server_port  # noqa: F401 - fixtures
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.plugins.oauth.browser import APP_URL, Browser

from portico.api.auth import ProviderTokens
from portico.api.db import execute
from portico.testing import Client, InProcessApp

CLIENT_ID, CLIENT_SECRET = "portico", "portico-secret"


@pytest.fixture(scope="module")
def registered(iam_server: Server) -> Iterator[Any]:  # noqa: F811
    """The application, registered as a client."""
    client = iam_server.models.Client(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        client_name="Portico",
        client_uri=APP_URL,
        redirect_uris=[f"{APP_URL}/oauth/oidc/callback"],
        post_logout_redirect_uris=[f"{APP_URL}/auth"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code", "token", "id_token"],
        token_endpoint_auth_method="client_secret_basic",
        scope=["openid", "profile", "email", "groups"],
    )
    iam_server.backend.save(client)
    client.audience = [client]  # else its id tokens have no audience
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
        "WEBUI_AUTH_SIGNOUT_REDIRECT_URL": f"{APP_URL}/auth",
    }


@pytest.fixture
def signed_in_user(iam_server: Server, registered: Any) -> Iterator[Any]:  # noqa: F811
    """A user who is signed in at the provider."""
    user = iam_server.random_user(
        user_name="grace", formatted_name="Grace", emails=["grace@example.org"]
    )
    iam_server.consent(user)
    iam_server.login(user)
    yield user
    iam_server.logout()
    iam_server.backend.delete(user)


def test_sign_in_creates_account(browser: Browser, signed_in_user: Any) -> None:
    result = browser.sign_in()
    assert result.response.headers["location"] == f"{APP_URL}/auth"
    assert result.account["email"] == "grace@example.org"
    assert result.account["name"] == "Grace"


def test_groups_of_provider_are_created(
    admin: Client,
    browser: Browser,
    signed_in_user: Any,
    iam_server: Server,  # noqa: F811
) -> None:
    group = iam_server.random_group(display_name="staff", members=[signed_in_user])
    oauth_user = Client(browser.app.transport, browser.sign_in().token)
    assert [one["name"] for one in oauth_user.get("/api/v1/groups/").json] == ["staff"]
    iam_server.backend.delete(group)


def test_access_token_is_refreshed(
    admin: Client, browser: Browser, signed_in_user: Any, app: InProcessApp
) -> None:
    assert browser.sign_in().account
    session_id = browser.cookies[APP_URL]["oauth_session_id"]
    tokens = app.portico.context.services.require(ProviderTokens)
    before = app.run(tokens.access_token, session_id)
    app.run(execute, "UPDATE oauth_session SET expires_at = 1")
    after = app.run(tokens.access_token, session_id)
    assert before and after and before != after


def test_sign_out_redirects_to_provider_and_back(
    admin: Client, browser: Browser, signed_in_user: Any
) -> None:
    oauth_user = Client(browser.app.transport, browser.sign_in().token)
    address = oauth_user.get("/api/v1/auths/signout").json["redirect_url"]
    callback_url, _ = browser.follow(address)
    assert callback_url.startswith(f"{APP_URL}/auth")
    assert oauth_user.get("/api/v1/auths/").status == 401
