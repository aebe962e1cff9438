"""Writes of completions: the permission check, and recording a reply."""

import asyncio
from typing import Any

import pytest
from tests.plugins.chats.conftest import new_chat

from portico.api.interfaces import ChatStore, WritableChat
from portico.identity import Actor
from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"


@pytest.fixture
def conversations(app: InProcessApp) -> ChatStore:
    return app.portico.context.services.require(ChatStore)


def actor(user: Client) -> Actor:
    account: Any = user.account
    return Actor(account["id"], account["email"], account["name"], account["role"], "", "")


@pytest.mark.case("AB-53")
def test_only_own_chats_are_writable(
    app: InProcessApp, conversations: ChatStore, ann: Client, bob: Client, admin: Client
) -> None:
    chat_id = new_chat(ann)["id"]

    assert app.run(conversations.find_writable, actor(ann), chat_id) == WritableChat(
        ann.account["id"], None
    )
    for user, target in (
        (bob, chat_id),
        (admin, chat_id),
        (ann, "absent"),
        (ann, "\x00"),
        (ann, "../"),
    ):
        assert app.run(conversations.find_writable, actor(user), target) is None


def test_reply_updates_its_message_and_becomes_current(
    app: InProcessApp, conversations: ChatStore, ann: Client
) -> None:
    chat = new_chat(ann)
    app.run(conversations.record_reply, chat["id"], "a", {"parentId": "q", "model": "m"})
    app.run(
        conversations.record_reply, chat["id"], "a", {"error": {"content": "n\x00o"}, "model": "n"}
    )

    history = ann.get(CHATS + chat["id"]).json["chat"]["history"]

    question = chat["chat"]["history"]["messages"]["q"]
    assert history["messages"]["q"] == question | {"childrenIds": ["a"]}
    assert history["messages"]["a"] == {
        **whole("a", "q", history),
        "model": "n",
        "error": {"content": "no"},
    }
    assert history["currentId"] == "a"


def whole(message_id: str, parent_id: str | None, history: dict[str, Any]) -> dict[str, Any]:
    """Return a message that a completion created."""
    return {
        "id": message_id,
        "parentId": parent_id,
        "childrenIds": [],
        "role": "assistant",
        "content": "",
        "timestamp": history["messages"][message_id]["timestamp"],
    }


@pytest.mark.parametrize(("given", "parent"), [(None, "q"), ("q", "q"), ("soon", "soon")])
def test_reply_creates_message_below_given_parent(
    app: InProcessApp, conversations: ChatStore, ann: Client, given: str | None, parent: str
) -> None:
    chat_id = new_chat(ann)["id"]

    app.run(conversations.record_reply, chat_id, "a", {"parentId": given, "model": "m"})

    history = ann.get(CHATS + chat_id).json["chat"]["history"]
    assert history["messages"]["a"] == whole("a", parent, history) | {"model": "m"}
    assert history["messages"]["q"]["childrenIds"] == (["a"] if parent == "q" else [])


def test_reply_keeps_position_of_existing_message(
    app: InProcessApp, conversations: ChatStore, ann: Client
) -> None:
    chat_id = new_chat(ann)["id"]
    ann.post(f"{CHATS}{chat_id}/messages/a", {"content": "x"})

    for given in (None, "a", "elsewhere"):
        app.run(conversations.record_reply, chat_id, "a", {"parentId": given, "model": "m"})

    history = ann.get(CHATS + chat_id).json["chat"]["history"]
    assert history["messages"]["a"]["parentId"] == "q"


def test_reply_to_deleted_message_changes_nothing(
    app: InProcessApp, conversations: ChatStore, ann: Client
) -> None:
    chat_id = new_chat(ann)["id"]
    other = {"messages": {"x": {"id": "x", "content": "x"}}, "currentId": "x"}
    ann.post(CHATS + chat_id, {"chat": {"history": other}})
    before = ann.get(CHATS + chat_id).body

    app.run(conversations.record_reply, chat_id, "q", {"parentId": "x", "model": "m"})

    assert ann.get(CHATS + chat_id).body == before


@pytest.mark.parametrize(
    "chat", [{}, {"history": None}, {"history": {}}, {"history": {"messages": None}}]
)
@pytest.mark.case("D-CHAT-8")
def test_reply_creates_missing_history(
    app: InProcessApp, conversations: ChatStore, ann: Client, chat: dict[str, Any]
) -> None:
    chat_id = ann.post(CHATS + "new", {"chat": chat}).json["id"]

    app.run(conversations.record_reply, chat_id, "a", {"model": "m"})

    history = ann.get(CHATS + chat_id).json["chat"]["history"]
    assert history == {
        "messages": {"a": whole("a", None, history) | {"model": "m"}},
        "currentId": "a",
    }


def test_reply_to_deleted_chat_is_ignored(
    app: InProcessApp, conversations: ChatStore, ann: Client
) -> None:
    chat_id = new_chat(ann)["id"]
    ann.delete(CHATS + chat_id)

    app.run(conversations.record_reply, chat_id, "a", {"model": "m"})

    assert ann.get(CHATS + chat_id).status == 404


@pytest.mark.case("FT-04")
def test_concurrent_replies_are_all_stored(
    app: InProcessApp, conversations: ChatStore, ann: Client
) -> None:
    chat_id = new_chat(ann)["id"]

    async def storm() -> None:
        replies = (
            conversations.record_reply(chat_id, f"a{n}", {"content": str(n)}) for n in range(60)
        )
        await asyncio.gather(*replies)

    app.run(storm)

    messages = ann.get(CHATS + chat_id).json["chat"]["history"]["messages"]
    assert {messages[f"a{n}"]["content"] for n in range(60)} == {str(n) for n in range(60)}
