from collections.abc import Iterator

import pytest
from tests.webhook_receiver import ALLOWED, WebhookReceiver


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as made:
        yield made


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """The default environment, in which the receiver's address may be reached, and a message is sent again at once."""
    return env | ALLOWED
