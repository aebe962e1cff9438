"""Titles, tags and follow-up questions that a model has written: reading a branch, and storing them."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.plugins.chats.conftest import new_chat, table

from portico.api.interfaces import ChatAnnotations, ChatMessage
from portico.db import transaction
from portico.testing import Client, InProcessApp
from portico_chats.content.message_body import with_finished_reply

CHATS = "/api/v1/chats/"


def tree(*links: tuple[str, str | None]) -> dict[str, Any]:
    """A history of these messages, each with its parent; the last one is the current one."""
    messages = {
        one: {
            "id": one,
            "parentId": parent,
            "childrenIds": [],
            "role": "assistant" if one.startswith("a") else "user",
            "content": f"text {one}",
        }
        for one, parent in links
    }
    return {"messages": messages, "currentId": links[-1][0]}


LONG = tree(("u1", None), ("a1", "u1"), ("u2", "a1"), ("a2", "u2"), ("a3", "u2"))


@pytest.fixture
def annotations(app: InProcessApp) -> ChatAnnotations:
    return app.portico.context.services.require(ChatAnnotations)


def write(app: InProcessApp, change: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    async def inside() -> Any:
        async with transaction():
            return await change(*arguments, **named)

    return app.run(inside)


def test_branch_has_the_messages_above_one(
    app: InProcessApp, annotations: ChatAnnotations, ann: Client
) -> None:
    chat_id = new_chat(ann, history=LONG)["id"]
    found = app.run(annotations.branch, chat_id, "a2", 50)
    assert found.length == 4
    assert found.first_text == "text u1"
    assert [one.text for one in found.messages] == ["text u1", "text a1", "text u2", "text a2"]
    assert found.messages[-1] == ChatMessage("assistant", "text a2")

    last = app.run(annotations.branch, chat_id, "a3", 2)
    assert (last.length, last.first_text) == (4, "text u1")
    assert [one.text for one in last.messages] == ["text u2", "text a3"]


@pytest.mark.parametrize("message_id", ["absent", "", "\x00", "x" * 300])
def test_unknown_message_has_no_branch(
    app: InProcessApp, annotations: ChatAnnotations, ann: Client, message_id: str
) -> None:
    assert app.run(annotations.branch, new_chat(ann)["id"], message_id, 9) is None
    assert app.run(annotations.branch, "absent", message_id, 9) is None


def test_branch_of_a_cyclic_tree_ends(
    app: InProcessApp, annotations: ChatAnnotations, ann: Client
) -> None:
    chat_id = new_chat(ann, history=tree(("u1", "a1"), ("a1", "u1")))["id"]
    found = app.run(annotations.branch, chat_id, "a1", 3)
    assert len(found.messages) == 3


def test_title_is_set_in_the_list_the_document_and_the_index(
    app: InProcessApp, annotations: ChatAnnotations, ann: Client
) -> None:
    chat = new_chat(ann, history=LONG)
    expected = chat["chat"] | {"title": "Night 🚂 trains"}
    assert write(app, annotations.set_title, chat["id"], "Night 🚂 trains", instead_of="Trip ideas")
    found = ann.get(CHATS + chat["id"]).json
    assert found["title"] == "Night 🚂 trains"
    assert found["chat"] == expected
    assert [one["title"] for one in ann.get(CHATS).json] == ["Night 🚂 trains"]
    assert [one["id"] for one in ann.get(f"{CHATS}search?text=night").json] == [chat["id"]]
    assert ann.get(f"{CHATS}search?text=ideas").json == []


@pytest.mark.both_databases
def test_title_that_was_changed_meanwhile_stays(
    app: InProcessApp, annotations: ChatAnnotations, ann: Client
) -> None:
    chat = new_chat(ann)
    ann.post(CHATS + chat["id"], {"chat": {"title": "Mine"}})
    assert not write(app, annotations.set_title, chat["id"], "T", instead_of="Trip ideas")
    assert ann.get(CHATS + chat["id"]).json["title"] == "Mine"
    assert not write(app, annotations.set_title, "absent", "T", instead_of="")


def test_tags_are_replaced(app: InProcessApp, annotations: ChatAnnotations, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    ann.post(f"{CHATS}{chat_id}/tags", {"name": "Old"})
    ann.post(f"{CHATS}{chat_id}/tags", {"name": "Travel"})
    names = ["Travel", "Night Trains", "none", "", "x" * 200, "night trains"]
    assert write(app, annotations.set_tags, chat_id, names) == ["Travel", "Night Trains"]
    tags = ann.get(f"{CHATS}{chat_id}/tags").json
    assert [one["name"] for one in tags] == ["Night Trains", "Travel"]
    assert [one["name"] for one in ann.get(f"{CHATS}all/tags").json] == ["Night Trains", "Travel"]
    assert ann.get(CHATS + chat_id).json["meta"]["tags"] == ["travel", "night_trains"]


def test_tags_stay_if_no_name_is_valid(
    app: InProcessApp, annotations: ChatAnnotations, ann: Client
) -> None:
    chat_id = new_chat(ann)["id"]
    ann.post(f"{CHATS}{chat_id}/tags", {"name": "Old"})
    assert write(app, annotations.set_tags, chat_id, ["None"]) == []
    assert write(app, annotations.set_tags, "absent", ["Travel"]) == []
    assert [one["name"] for one in ann.get(f"{CHATS}{chat_id}/tags").json] == ["Old"]
    assert len(table(app, "chats_tag")) == 1


def test_follow_ups_are_stored_and_the_current_message_stays(
    app: InProcessApp, annotations: ChatAnnotations, ann: Client
) -> None:
    chat = new_chat(ann, history=LONG)
    assert write(app, annotations.set_follow_ups, chat["id"], "a1", ["Why?", "How?"])
    expected = chat["chat"]
    expected["history"]["messages"]["a1"]["followUps"] = ["Why?", "How?"]
    assert ann.get(CHATS + chat["id"]).json["chat"] == expected
    assert not write(app, annotations.set_follow_ups, chat["id"], "absent", ["Why?"])
    assert not write(app, annotations.set_follow_ups, "absent", "a1", ["Why?"])
    assert ann.get(CHATS + chat["id"]).json["chat"] == expected


def test_window_that_does_not_know_the_follow_ups_keeps_them(
    app: InProcessApp, annotations: ChatAnnotations, ann: Client
) -> None:
    history = tree(("u1", None), ("a1", "u1"))
    history["messages"]["a1"]["done"] = True
    chat = new_chat(ann, history=history)
    write(app, annotations.set_follow_ups, chat["id"], "a1", ["Why?"])

    def stored() -> Any:
        return ann.get(CHATS + chat["id"]).json["chat"]["history"]["messages"]["a1"]

    ann.post(CHATS + chat["id"], {"chat": {"history": history}})
    assert stored()["followUps"] == ["Why?"]
    history["messages"]["a1"]["content"] = "edited"
    ann.post(CHATS + chat["id"], {"chat": {"history": history}})
    assert stored() == history["messages"]["a1"]


def test_follow_ups_of_the_client_win() -> None:
    stored = '{"id":"a","content":"x","done":true,"followUps":["Why?"]}'
    sent = '{"id":"a","content":"x","done":true,"followUps":[]}'
    assert with_finished_reply(sent, stored) == sent
