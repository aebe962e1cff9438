"""Webhooks over several processes: a message survives the one that sends it, and a user may be connected to another."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.reply_requests import ask, start_chat, stored
from tests.upstream import Upstream
from tests.webhook_receiver import ALLOWED, WebhookReceiver

from portico.db import fetch_all
from portico.identity.accounts import last_seen
from portico.testing import InProcessApp, ServerProcess, WorkerProcess


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    upstream.answers["writer"] = "Hello"
    return env | ALLOWED


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(120)  # a task whose process was killed waits some seconds
def test_message_is_sent_again_after_its_process_was_killed(
    servers: Callable[..., ServerProcess], receiver: WebhookReceiver
) -> None:
    server = servers().start()
    ada = server.client.sign_up("Ada")
    assert ada.post("/api/webhook", {"url": receiver.url}).status == 200
    secret = ada.post("/api/webhook/secret").json["secret"]
    receiver.paused.set()
    server.client.sign_up("Ben")
    receiver.wait_for(1)  # and it has not been answered
    server.kill()
    receiver.paused.clear()
    server.start()
    first, second = receiver.wait_for(2, seconds=60)
    assert first.id == second.id and first.body == second.body
    assert first.is_signed_with(secret) and second.is_signed_with(secret)
    assert receiver.url not in server.log_text


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # a worker needs it
def test_message_is_sent_by_another_worker_after_one_was_killed(
    servers: Callable[..., ServerProcess],
    env: dict[str, str],
    shared_redis: str,
    receiver: WebhookReceiver,
    tmp_path: Path,
) -> None:
    env |= {
        "REDIS_URL": shared_redis,
        "REDIS_KEY_PREFIX": f"test-{tmp_path.name}",
        "PORTICO_TASKS_RUNNER": "worker",
        "WEBHOOK_URL": receiver.url,
    }
    server = servers(**env).start()
    first, second = (WorkerProcess(env, tmp_path / name) for name in ("first", "second"))
    for one in ("first", "second"):
        (tmp_path / one).mkdir()
    try:
        first.start()
        receiver.paused.set()
        server.client.sign_up("Ada")
        receiver.wait_for(1)
        first.kill()
        receiver.paused.clear()
        second.start()
        messages = receiver.wait_for(2, seconds=90)
        assert len({one.id for one in messages}) == 1
    finally:
        first.kill()
        second.kill()


def test_user_with_a_socket_on_another_instance_is_not_away(
    two_apps: tuple[InProcessApp, InProcessApp],
    receiver: WebhookReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = two_apps
    monkeypatch.setattr(last_seen, "ACTIVE_SECONDS", -1)  # three minutes are over at once
    ann = here.client.sign_up("Ann")
    form = {"ui": {"notifications": {"webhook_url": receiver.url}}}
    assert ann.post("/api/v1/users/user/settings/update", form).status == 200

    def messages_after_a_reply() -> int:
        chat_id, message_id = start_chat(ann, "Hi")
        assert ask(ann, chat_id, message_id, model="writer").status == 200
        while not stored(ann, chat_id, message_id).get("done"):
            time.sleep(0.01)
        sql = "SELECT * FROM portico_task WHERE name = 'webhooks:deliver'"
        return len(here.run(fetch_all, sql))

    has_sockets = here.portico.sockets.has_sockets
    with there.client.sign_in("Ann").connect_socket():
        while not has_sockets(ann.account["id"]):
            time.sleep(0.01)
        assert messages_after_a_reply() == 0
    while has_sockets(ann.account["id"]):
        time.sleep(0.01)
    assert messages_after_a_reply() == 1
