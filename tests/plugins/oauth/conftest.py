"""An authorization server, a house that is registered there, and browsers."""

from collections.abc import Callable, Iterator

import pytest
from tests.plugins.oauth.authorization_server import Authority
from tests.plugins.oauth.browser import Browser

from portico.testing import Client, InProcessApp


@pytest.fixture
def authority() -> Iterator[Authority]:
    """An authorization server that does as it is told."""
    with Authority() as running:
        yield running


@pytest.fixture
def env(env: dict[str, str], authority: Authority) -> dict[str, str]:
    """A house that is registered there, and gives newcomers an account."""
    return env | authority.environment | {"PORTICO_RATE_LIMITS_ENABLED": "false"}


@pytest.fixture
def browser(client: Client) -> Browser:
    """Somebody's browser, in which nobody is signed in."""
    return Browser(client)


@pytest.fixture
def count(app: InProcessApp) -> Callable[[], int]:
    """How many accounts there are."""
    return lambda: app.call(app.portico.identity.accounts.count)
