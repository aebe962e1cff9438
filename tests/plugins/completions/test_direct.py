"""Models that the client itself holds: its browser calls the provider, over its socket."""

import json
import time
from typing import Any

import pytest
from tests.plugins.budgets.requests import budget_of, set_budget, wait_until_used
from tests.reply_requests import ask, start_chat, stored, until_end

from portico.testing import Client

ON = {"ENABLE_DIRECT_CONNECTIONS": "true"}
ITEM = {"id": "mine", "name": "My model", "direct": True}


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    return env | ON


def ask_own(user: Client, chat: tuple[str, str], session_id: str, **more: Any) -> Any:
    return ask(user, *chat, model="mine", session_id=session_id, model_item=ITEM, **more)


def next_call(socket: Any) -> tuple[dict[str, Any], int]:
    event, ack_id = socket.wait_for_call(
        "events", lambda one: one["data"]["type"] == "request:chat:completion"
    )
    return event["data"]["data"], ack_id


def test_browser_answers_with_a_stream(user: Client) -> None:
    chat = start_chat(user)
    with user.connect_socket() as socket:
        assert ask_own(user, chat, socket.id, temperature=1).status == 200
        call, ack_id = next_call(socket)
        assert call["form_data"]["model"] == "mine"
        assert call["form_data"]["stream"] is True
        assert call["form_data"]["temperature"] == 1
        assert call["form_data"]["messages"] == [{"role": "user", "content": "Hi"}]
        assert call["model"] == ITEM
        assert call["session_id"] == socket.id
        socket.answer(ack_id, {"status": True})
        for word in ("Hello", " you"):
            socket.emit(
                call["channel"], f'data: {{"choices":[{{"delta":{{"content":"{word}"}}}}]}}'
            )
        socket.emit(call["channel"], "data: [DONE]")
        socket.emit(call["channel"], {"done": True})
        assert until_end(socket, chat[1])[-1][1]["content"] == "Hello you"
    assert stored(user, *chat)["content"] == "Hello you"


def test_browser_answers_as_a_whole(user: Client) -> None:
    chat = start_chat(user)
    with user.connect_socket() as socket:
        ask_own(user, chat, socket.id, stream=False)
        _, ack_id = next_call(socket)
        socket.answer(ack_id, {"choices": [{"message": {"content": "Hello"}}]})
        assert until_end(socket, chat[1])[-1][1]["content"] == "Hello"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"error": {"message": "No credit"}}, "No credit"),
        ({"error": "No credit"}, "No credit"),
        ({"status": False}, "The browser that calls this model did not answer."),
        ("junk", "The browser that calls this model did not answer."),
        (None, "The browser that calls this model did not answer."),
    ],
)
def test_error_of_the_browser_ends_the_reply(user: Client, answer: Any, sentence: str) -> None:
    chat = start_chat(user)
    with user.connect_socket() as socket:
        ask_own(user, chat, socket.id)
        socket.answer(next_call(socket)[1], answer)
        events = until_end(socket, chat[1])
    assert events == [
        ("chat:message:error", {"error": {"content": sentence}}),
        ("chat:tasks:cancel", None),
    ]


def test_browser_that_disconnects_ends_the_reply(user: Client) -> None:
    chat = start_chat(user)
    with user.connect_socket() as other:
        with user.connect_socket() as socket:
            ask_own(user, chat, socket.id)
            call, ack_id = next_call(socket)
            socket.answer(ack_id, {"status": True})
            socket.emit(call["channel"], 'data: {"choices":[{"delta":{"content":"Hel"}}]}')
            other.wait_for("events", lambda one: one["data"].get("data", {}).get("content"))
        assert until_end(other, chat[1])[-2][0] == "chat:message:error"
    message = stored(user, *chat)
    assert message["content"] == "Hel"
    assert message["error"] == {"content": "The browser that calls this model has disconnected."}


@pytest.mark.case("AB-54")
def test_socket_of_another_account_is_refused_and_gets_nothing(user: Client, admin: Client) -> None:
    chat = start_chat(user)
    with admin.connect_socket() as foreign:
        answer = ask_own(user, chat, foreign.id)
        assert (answer.status, answer.json["detail"]) == (400, "Invalid session")
        assert ask_own(user, chat, "none").status == 400
        assert [name for name, _ in foreign.events() if name == "events"] == []


def test_own_model_needs_events(user: Client) -> None:
    assert user.get("/api/config").json["features"]["enable_direct_connections"] is True
    answer = ask_own(user, start_chat(user), "")
    assert (answer.status, answer.json["detail"]) == (404, "Model not found")


class TestSwitchedOff:
    """Without the setting, models of clients do not exist."""

    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"ENABLE_DIRECT_CONNECTIONS": "false"}

    def test_own_model_is_not_found(self, user: Client) -> None:
        with user.connect_socket() as socket:
            assert ask_own(user, start_chat(user), socket.id).status == 404


def test_other_socket_cannot_answer_in_place_of_the_browser(user: Client, admin: Client) -> None:
    chat = start_chat(user)
    with user.connect_socket() as socket, admin.connect_socket() as foreign:
        ask_own(user, chat, socket.id)
        call, ack_id = next_call(socket)
        socket.answer(ack_id, {"status": True})
        refused = foreign.call(
            call["channel"], 'data: {"choices":[{"delta":{"content":"forged"}}]}'
        )
        assert "error" in refused
        socket.emit(call["channel"], {"done": True})
        assert until_end(socket, chat[1])[-1][1]["content"] == ""


@pytest.mark.parametrize("stream", [True, False])
def test_usage_that_the_browser_claims_costs_nothing(
    user: Client, admin: Client, stream: bool
) -> None:
    shared = set_budget(admin, 100, "tokens")
    requests = set_budget(admin, 5, "requests")
    chat = start_chat(user)
    with user.connect_socket() as socket:
        ask_own(user, chat, socket.id, stream=stream)
        call, ack_id = next_call(socket)
        claimed = {"prompt_tokens": 10**8, "completion_tokens": 10**8}
        answer = {"choices": [{"message": {"content": "x"}, "delta": {}}], "usage": claimed}
        socket.answer(ack_id, {"status": True} if stream else answer)
        if stream:
            socket.emit(call["channel"], f"data: {json.dumps(answer)}")
            socket.emit(call["channel"], {"done": True})
        until_end(socket, chat[1])
    wait_until_used(admin, requests, 1)
    assert budget_of(admin, shared)["used"] == 0
    deadline = time.monotonic() + 20
    while not (calls := user.get("/api/v1/usage/me/calls").json["items"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    [row] = calls
    assert (row["model"], row["base_model"], row["source"]) == ("direct", "direct", "direct")
    assert row["input_tokens"] == row["output_tokens"] == 0
