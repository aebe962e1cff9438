"""The forms of messages, by the host of the receiver, and the reference value of a signature."""

import json
from typing import Any

import pytest

from portico_webhooks.message import WebhookMessage, WebhookUser, body_for
from portico_webhooks.signature import signed_headers

MESSAGE = WebhookMessage(
    action="chat",
    message="Hello <!channel> & @everyone",
    title="Trains",
    url="https://portico.test/c/1",
    user=WebhookUser("u1", "Ann", "ann@example.org"),
)
TEXT = "Trains - https://portico.test/c/1\n\nHello <!channel> & @everyone"
ESCAPED = "Trains - https://portico.test/c/1\n\nHello &lt;!channel&gt; &amp; @everyone"


def form(url: str, message: WebhookMessage = MESSAGE) -> Any:
    return json.loads(body_for(url, message, "Portico"))


@pytest.mark.parametrize(
    "url", ["https://hooks.slack.com/services/T/B/x", "https://CHAT.googleapis.com/v1/spaces/a"]
)
def test_slack_and_google_chat_get_an_escaped_text(url: str) -> None:
    assert form(url) == {"text": ESCAPED}
    long = WebhookMessage(action="alert", message="x" * 100_000)
    assert len(form(url, long)["text"]) <= 4000


@pytest.mark.parametrize("host", ["discord.com", "ptb.discord.com", "discordapp.com"])
def test_discord_gets_a_content_that_mentions_no_account(host: str) -> None:
    found = form(f"https://{host}/api/webhooks/1/x")
    assert found == {"content": TEXT, "allowed_mentions": {"parse": []}}
    long = WebhookMessage(action="alert", message="x" * 100_000)
    assert len(form(f"https://{host}/api/webhooks/1/x", long)["content"]) == 2000


def test_teams_gets_a_card_with_the_user() -> None:
    found = form("https://acme.webhook.office.com/webhookb2/x")
    assert found["@type"] == "MessageCard" and found["summary"] == TEXT
    (section,) = found["sections"]
    assert section["activityTitle"] == TEXT
    assert {"name": "email", "value": "ann@example.org"} in section["facts"]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/hook",
        "https://example.org/?to=https://hooks.slack.com/services",
        "https://hooks.slack.com.evil.example/services",
        "https://notdiscord.com/api/webhooks/1/x",
    ],
)
def test_all_others_get_json(url: str) -> None:
    assert form(url) == {
        "action": "chat",
        "message": "Hello <!channel> & @everyone",
        "title": "Trains",
        "url": "https://portico.test/c/1",
        "user": {"id": "u1", "name": "Ann", "email": "ann@example.org"},
    }


def test_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks specification and its libraries."""
    found = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
