"""Fixtures: an authorization server, an application that is registered there as a client, and a browser."""

from collections.abc import Callable, Iterator

import pytest
from tests.plugins.oauth.authorization_server import AuthorizationServer
from tests.plugins.oauth.browser import Browser

from portico.testing import Client, InProcessApp


@pytest.fixture
def provider_server() -> Iterator[AuthorizationServer]:
    """A running authorization server whose responses a test can change."""
    with AuthorizationServer() as running:
        yield running


@pytest.fixture
def env(env: dict[str, str], provider_server: AuthorizationServer) -> dict[str, str]:
    """Settings of an application that is registered there and creates accounts for new users."""
    return env | provider_server.environment | {"PORTICO_RATE_LIMITS_ENABLED": "false"}


@pytest.fixture
def browser(client: Client) -> Browser:
    """A browser without a session."""
    return Browser(client)


@pytest.fixture
def count(app: InProcessApp) -> Callable[[], int]:
    """Return the number of accounts."""
    return lambda: app.run(app.portico.identity.accounts.count)
