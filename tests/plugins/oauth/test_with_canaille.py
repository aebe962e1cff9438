"""Signing in at a real OpenID Connect provider, Canaille, over a real port."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_iam import Server, iam_configuration, iam_server, iam_server_port  # noqa: F401 - fixtures
from tests.plugins.oauth.browser import HOUSE, Browser

CLIENT_ID, CLIENT_SECRET = "portico", "portico-secret"


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
def environment(
    environment: dict[str, str],
    iam_server: Server,  # noqa: F811
    registered: Any,
) -> dict[str, str]:
    return environment | {
        "OAUTH_CLIENT_ID": CLIENT_ID,
        "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
        "OPENID_PROVIDER_URL": f"{iam_server.url}.well-known/openid-configuration",
        "ENABLE_OAUTH_SIGNUP": "true",
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
