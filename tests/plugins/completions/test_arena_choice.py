"""An arena model's answer says first which model it has picked, and the message stores it."""

import msgspec
import pytest
from tests.plugins.budgets.requests import set_budget
from tests.reply_requests import ask, start_chat, stored, until_end
from tests.upstream import Upstream

from portico.testing import Client

ARENA = {"id": "ring", "name": "Ring", "meta": {"model_ids": ["good"], "access_control": None}}


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    return env | upstream.environment | {"EVALUATION_ARENA_MODELS": f"[{msgspec.json.encode(ARENA).decode()}]"}  # fmt: skip


def test_whole_and_streamed_answers_name_the_picked_model_first(user: Client) -> None:
    body = {"model": "ring", "messages": [{"role": "user", "content": "Hi"}]}
    whole = user.post("/api/chat/completions", json=body)
    assert next(iter(whole.json.items())) == ("selected_model_id", "good")
    assert whole.json["choices"][0]["message"]["content"]
    streamed = user.post("/api/chat/completions", json=body | {"stream": True})
    assert msgspec.json.decode(streamed.events[0]) == {"selected_model_id": "good"}
    assert streamed.events[-1] == "[DONE]"
    named = user.post("/api/chat/completions", json=body | {"model": "good"})
    assert "selected_model_id" not in named.json


def test_message_of_a_reply_stores_the_picked_model(user: Client) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, model="ring", session_id=socket.id)
        events = until_end(socket, message_id)
    assert events[0] == ("chat:completion", {"selected_model_id": "good"})
    assert stored(user, chat_id, message_id)["selectedModelId"] == "good"


def test_refusal_of_the_picked_model_is_no_choice(admin: Client, upstream: Upstream) -> None:
    body = {"model": "ring", "messages": [{"role": "user", "content": "Hi"}]}
    upstream.failures["good"] = 3
    answer = admin.post("/api/chat/completions", json=body)
    assert answer.status == 502
    assert "selected_model_id" not in answer.json


@pytest.mark.parametrize("subject", ["model:ring", "model:good"])
def test_budget_of_the_arena_model_or_the_picked_one_limits_it(
    admin: Client, user: Client, subject: str
) -> None:
    set_budget(admin, 1, "requests", "month", subject)
    body = {"model": "ring", "messages": [{"role": "user", "content": "Hi"}]}
    statuses = [user.post("/api/chat/completions", json=body).status for _ in range(2)]
    assert statuses == [200, 429]
