"""The webhooks of users: told of a reply that finishes while its owner is away."""

import json
import time
from typing import Any

import pytest
from tests.one_database import on_sqlite
from tests.reply_requests import ask, start_chat, stored
from tests.upstream import Upstream
from tests.webhook_receiver import WebhookReceiver

from portico.db import fetch_all
from portico.identity.accounts import last_seen
from portico.testing import Client, InProcessApp

#: A text that the model answers, with what would call everyone in a channel.
ANSWER = "Hello <!channel> @everyone"
REASONING = '<details type="reasoning" done="true">\n> A thought.\n</details>\n'


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    upstream.answers["writer"] = REASONING + ANSWER
    return env | upstream.environment | {"WEBUI_URL": "http://portico.test/"}


@pytest.fixture
def everyone_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the three minutes be over at once, so that only a socket tells that a user is there."""
    monkeypatch.setattr(last_seen, "ACTIVE_SECONDS", -1)


def set_own_webhook(user: Client, url: Any) -> None:
    form = {"ui": {"theme": "dark", "notifications": {"webhook_url": url}}}
    assert user.post("/api/v1/users/user/settings/update", form).status == 200


def finish_reply(app: InProcessApp, user: Client, **more: Any) -> tuple[str, str]:
    """Ask for a reply, wait until it is stored, and run what is due. Return the ids of chat and message."""
    chat_id, message_id = start_chat(user, "Hi")
    assert ask(user, chat_id, message_id, model="writer", **more).status == 200
    until = time.monotonic() + 30
    while not stored(user, chat_id, message_id).get("done"):
        assert time.monotonic() < until
        time.sleep(0.01)
    app.run(app.portico.tasks.run_due)
    return chat_id, message_id


@pytest.mark.usefixtures("everyone_is_idle")
def test_reply_is_told_to_its_owner_who_is_away(
    app: InProcessApp, admin: Client, user: Client, receiver: WebhookReceiver
) -> None:
    set_own_webhook(user, receiver.url)
    secret = user.post("/api/webhook/me/secret").json["secret"]
    with user.connect_socket():
        finish_reply(app, user)
    assert receiver.messages == [], "the owner has a socket"

    chat_id, _ = finish_reply(app, user)
    (message,) = receiver.messages
    assert message.is_signed_with(secret)
    assert message.json == {
        "action": "chat",
        "message": ANSWER,
        "title": "New Chat",
        "url": f"http://portico.test/c/{chat_id}",
        "user": {name: user.account[name] for name in ("id", "name", "email")},
    }
    # The task that administrators see holds neither the answer nor the address.
    (row,) = app.run(fetch_all, "SELECT * FROM portico_task WHERE name = 'webhooks:deliver'")
    assert ANSWER not in str(dict(row)) and receiver.url not in str(dict(row))
    assert row["user_id"] == user.account["id"] and row["result"] is None
    (shown,) = admin.get("/api/webhook/deliveries").json["deliveries"]
    assert (shown["event"], shown["user_id"]) == ("chat", user.account["id"])


def test_owner_who_was_there_within_three_minutes_is_not_told(
    app: InProcessApp, user: Client, receiver: WebhookReceiver
) -> None:
    set_own_webhook(user, receiver.url)
    finish_reply(app, user)
    assert app.run(fetch_all, "SELECT * FROM portico_task WHERE name = 'webhooks:deliver'") == []
    assert receiver.messages == []


@pytest.mark.usefixtures("everyone_is_idle")
def test_switch_of_the_administrators_ends_the_webhooks_of_users(
    app: InProcessApp, admin: Client, user: Client, receiver: WebhookReceiver
) -> None:
    config = "/api/v1/auths/admin/config"
    assert admin.get("/api/config").json["features"]["enable_user_webhooks"] is True
    set_own_webhook(user, receiver.url)
    form = admin.get(config).json
    assert admin.post(config, form | {"ENABLE_USER_WEBHOOKS": False}).status == 200
    assert admin.get("/api/config").json["features"]["enable_user_webhooks"] is False
    finish_reply(app, user)
    assert user.post("/api/webhook/me/secret").status == 400
    assert receiver.messages == []


@on_sqlite
@pytest.mark.usefixtures("everyone_is_idle")
def test_settings_of_any_shape_do_not_harm_a_reply(app: InProcessApp, user: Client) -> None:
    for settings in (
        {"ui": {"notifications": None}},
        {"ui": {"notifications": "x"}},
        {"ui": {"notifications": {"webhook_url": 7}}},
        {"ui": {"notifications": {"webhook_url": "h" * 10_000}}},
        {"ui": {}},
    ):
        assert user.post("/api/v1/users/user/settings/update", settings).status == 200
        chat_id, message_id = finish_reply(app, user)
        assert stored(user, chat_id, message_id)["content"] == REASONING + ANSWER
    assert app.run(fetch_all, "SELECT * FROM portico_task WHERE name = 'webhooks:deliver'") == []


@on_sqlite
@pytest.mark.case("AB-45")
@pytest.mark.usefixtures("everyone_is_idle")
def test_internal_addresses_are_not_asked_and_users_learn_nothing(
    app: InProcessApp, user: Client, receiver: WebhookReceiver
) -> None:
    """127.0.0.1 may be reached here; the receiver also listens at the other spellings, which may not."""
    port = receiver.port
    urls = [
        f"http://127.0.0.2:{port}/",
        f"http://[::ffff:7f00:2]:{port}/",
        f"http://0x7f.2:{port}/",
        f"http://2130706434:{port}/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://[64:ff9b::7f00:1]/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:1/",  # nothing listens
    ]
    for url in urls:
        set_own_webhook(user, url)
        finish_reply(app, user)
    receiver.statuses = [500] * 10
    set_own_webhook(user, receiver.url)
    finish_reply(app, user)
    assert len(receiver.messages) == 2, "only the address that may be reached was asked, and failed"
    tasks = user.get("/api/v1/tasks/jobs?name=webhooks:deliver").json["tasks"]
    assert len(tasks) == len(urls) + 1
    assert {one["error"] for one in tasks} == {"The webhook could not be delivered."}
    assert {one["status"] for one in tasks} == {"failed"}
    assert all(receiver.url not in json.dumps(one) for one in tasks)
    assert user.get("/api/webhook/deliveries").status == 403


@pytest.mark.usefixtures("everyone_is_idle")
def test_nothing_is_sent_after_the_account_or_the_chat_was_deleted(
    app: InProcessApp, admin: Client, user: Client, receiver: WebhookReceiver
) -> None:
    set_own_webhook(user, receiver.url)
    receiver.statuses = [503, 503]
    app.portico.tasks.runner.stop_claiming()
    other = admin.add_user("Eve")
    set_own_webhook(other, receiver.url)
    assert other.post("/api/webhook/me/secret").status == 200
    for owner in (user, other):
        chat_id, message_id = start_chat(owner, "Hi")
        ask(owner, chat_id, message_id, model="writer")
        while not stored(owner, chat_id, message_id).get("done"):
            time.sleep(0.01)
        if owner is user:
            assert owner.delete(f"/api/v1/chats/{chat_id}").status == 200
    assert admin.delete(f"/api/v1/users/{other.account['id']}").status == 200
    rows = app.run(fetch_all, "SELECT * FROM portico_task WHERE name = 'webhooks:deliver'")
    assert [row["user_id"] for row in rows] == [user.account["id"]]
    assert app.run(fetch_all, "SELECT * FROM webhooks_secret") == []


@pytest.fixture(autouse=True)
def two_tries(env: dict[str, str]) -> None:
    env["PORTICO_WEBHOOKS_MAX_TRIES"] = "2"
