"""`portico webhook …`."""

import json

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.webhook_receiver import WebhookReceiver

from portico.testing import CommandLine


@pytest.fixture
def env(env: dict[str, str], receiver: WebhookReceiver) -> dict[str, str]:
    return env | {"WEBHOOK_URL": receiver.url}


def test_commands_make_a_secret_and_send_a_test_that_is_signed_with_it(
    cli: CommandLine, receiver: WebhookReceiver
) -> None:
    secret = cli("webhook", "secret").stdout.strip()
    cli("webhook", "test")
    (message,) = receiver.messages
    assert message.json["action"] == "test" and message.is_signed_with(secret)
    receiver.statuses = [500]
    assert "500" in cli("webhook", "test", code=1).stderr
    assert json.loads(cli("webhook", "deliveries", "--json").stdout) == {
        "deliveries": [],
        "next": None,
    }
