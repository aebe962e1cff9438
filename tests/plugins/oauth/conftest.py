"""Providers to sign in at: a certified one's library in this process, and one of ours that misbehaves on purpose."""

import pytest
from tests.plugins.oauth.browser import Browser

from portico.testing import Client


@pytest.fixture
def browser(client: Client) -> Browser:
    """Somebody's browser, in which nobody is signed in."""
    return Browser(client)
