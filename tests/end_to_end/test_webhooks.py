"""A message to a webhook survives the death of the process that sends it."""

from collections.abc import Callable

import pytest
from tests.webhook_receiver import ALLOWED, WebhookReceiver

from portico.testing import ServerProcess


@pytest.mark.slow
@pytest.mark.timeout(120)  # a task whose process was killed waits some seconds
def test_message_is_sent_again_after_its_process_was_killed(
    servers: Callable[..., ServerProcess],
) -> None:
    with WebhookReceiver() as receiver:
        server = servers(**ALLOWED).start()
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
