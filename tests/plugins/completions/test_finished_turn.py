"""At the end of a turn the client sends what it shows, and gets the text of the reply as it is stored."""

from typing import Any

import pytest
from tests.reply_requests import ask, start_chat, until_end
from tests.upstream import Upstream

from portico.testing import Client, Response

WORDS = "word0 word1 word2 word3 word4"


def complete(user: Client, chat_id: str, message_id: str, **more: Any) -> Response:
    """Send what the web client sends when a reply is done."""
    body = {
        "model": "good",
        "messages": [
            {"id": "q", "role": "user", "content": "Hi", "timestamp": 1},
            {"id": message_id, "role": "assistant", "content": "word0", "info": {"a": [1, 2.0]}},
        ],
        "model_item": {"id": "good", "name": "Good"},
        "chat_id": chat_id,
        "session_id": "s",
        "id": message_id,
        **more,
    }
    return user.post("/api/chat/completed", body)


@pytest.fixture
def turn(user: Client) -> tuple[str, str]:
    """The ids of a chat and of a message with a finished reply."""
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        ask(user, chat_id, message_id, session_id=socket.id)
        until_end(socket, message_id)
    return chat_id, message_id


def test_response_has_the_stored_text_of_the_reply(user: Client, turn: tuple[str, str]) -> None:
    chat_id, message_id = turn
    answer = complete(user, chat_id, message_id, filter_ids=["x"])
    assert answer.status == 200
    assert answer.json == {
        "model": "good",
        "messages": [
            {"id": "q", "role": "user", "content": "Hi", "timestamp": 1},
            {"id": message_id, "role": "assistant", "content": WORDS, "info": {"a": [1, 2.0]}},
        ],
        "chat_id": chat_id,
        "session_id": "s",
        "id": message_id,
        "filter_ids": ["x"],
    }


def test_reply_in_the_making_has_its_text_so_far(user: Client, upstream: Upstream) -> None:
    chat_id, message_id = start_chat(user)
    with user.connect_socket() as socket:
        task = ask(user, chat_id, message_id, session_id=socket.id, model="endless").json["task_id"]
        event = socket.wait_for("events", lambda one: "content" in str(one))
        assert event["message_id"] == message_id
        text = complete(user, chat_id, message_id).json["messages"][1]["content"]
        assert user.post(f"/api/tasks/stop/{task}").json["status"] is True
    assert text.startswith("more")


def test_temporary_chat_is_returned_as_it_is(user: Client) -> None:
    answer = complete(user, "local:abc", "m", messages=[{"id": "m", "content": "mine"}, "odd", 1])
    assert answer.status == 200
    assert answer.json["messages"] == [{"id": "m", "content": "mine"}, "odd", 1]
    assert "model_item" not in answer.json


def test_unknown_message_is_returned_as_it_is(user: Client, turn: tuple[str, str]) -> None:
    odd = [{"id": "other", "content": "mine"}, {"id": 5}, None, {}]
    answer = complete(user, turn[0], "other", messages=odd)
    assert (answer.status, answer.json["messages"]) == (200, odd)


def test_chat_of_another_user_looks_like_an_unknown_one(
    admin: Client, user: Client, turn: tuple[str, str]
) -> None:
    other = admin.add_user("Cem")
    foreign = [complete(one, *turn) for one in (other, admin)]
    unknown = complete(other, "nowhere", turn[1])
    assert {(one.status, one.body) for one in foreign} == {(404, unknown.body)}
    assert unknown.status == 404


@pytest.mark.parametrize("key", ["model", "chat_id", "id", "session_id"])
def test_missing_key_is_named(user: Client, turn: tuple[str, str], key: str) -> None:
    body = {"model": "good", "messages": [], "chat_id": turn[0], "id": turn[1], "session_id": "s"}
    del body[key]
    answer = user.post("/api/chat/completed", body)
    assert (answer.status, answer.detail) == (400, f"The body has no key '{key}'.")


def test_unknown_model_is_refused_with_400(user: Client, turn: tuple[str, str]) -> None:
    answer = complete(user, *turn, model="nowhere")
    assert (answer.status, answer.detail) == (400, "Model not found")
    assert complete(user, *turn, model="mine", model_item={"direct": True}).status == 200


@pytest.mark.parametrize("wrong", [{"messages": {}}, {"id": 4}, {"model": []}])
def test_value_of_another_type_is_refused(
    user: Client, turn: tuple[str, str], wrong: dict[str, Any]
) -> None:
    assert complete(user, *turn, **wrong).status == 422
