"""Documents in one piece, accepted by an earlier release, are read and written like any other."""

import json
from typing import Any

import pytest
from tests.plugins.chats.conftest import new_chat, stored

from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"
LONG = "x" * 300
_KEEP = (
    "UPDATE chats_chat SET chat = $2, messages_at = NULL, branch_at = NULL, current_id = NULL, title = $3 "
    "WHERE id = $1"
)


def old_chat(app: InProcessApp, user: Client, document: Any, title: str = "Old") -> str:
    """Return the id of a chat as it was before messages had rows of their own."""
    chat_id = str(new_chat(user)["id"])
    call, database = app.run, app.portico.database
    call(database.execute, "DELETE FROM chats_message WHERE chat_id = $1", chat_id)
    call(database.execute, _KEEP, chat_id, json.dumps(document), title)
    return chat_id


def tree(**more: Any) -> dict[str, Any]:
    """Return a history of two messages, one of which has an id that is too long today."""
    question = {"id": "q", "parentId": None, "childrenIds": [LONG], "role": "user", "content": "Hi"}
    answer = {"id": LONG, "parentId": "q", "childrenIds": [], "role": "assistant", "content": "Ho"}
    return {"messages": {"q": question, LONG: answer, **more}, "currentId": LONG}


def history(user: Client, chat_id: str) -> dict[str, Any]:
    return dict(user.get(CHATS + chat_id).json["chat"]["history"])


@pytest.mark.case("AB-58")
def test_existing_long_message_ids_stay_writable(app: InProcessApp, ann: Client) -> None:
    document = {"title": "Old", "history": tree(), "messages": [], "params": {"a": 1}}
    chat_id = old_chat(app, ann, document)

    renamed = ann.post(CHATS + chat_id, {"chat": {"title": "New"}})
    assert (renamed.status, renamed.json["title"]) == (200, "New")
    assert renamed.json["chat"] == document | {"title": "New"}

    longer = tree(new={"id": "new", "content": "x"})
    sent = ann.post(CHATS + chat_id, {"chat": {"history": longer}})
    assert (sent.status, sent.json["chat"]) == (200, document | {"title": "New", "history": longer})

    other = tree(**{"y" * 300: {"id": "y"}})
    refused = ann.post(CHATS + chat_id, {"chat": {"history": other}})
    assert (refused.status, refused.detail[0]["loc"]) == (
        422,
        ["body", "chat", "history", "messages"],
    )
    assert history(ann, chat_id) == longer


def test_messages_of_inlined_document_are_updated_and_created(
    app: InProcessApp, ann: Client
) -> None:
    chat_id = old_chat(app, ann, {"history": tree()})
    path = f"{CHATS}{chat_id}/messages/"

    assert ann.post(f"{path}{LONG}", {"content": "changed"}).status == 200
    assert ann.post(f"{path}new", {"content": "x"}).status == 200
    event = {"type": "status", "data": {"done": True}}
    assert ann.post(f"{path}{LONG}/event", event).json is True
    assert ann.post(f"{path}{'z' * 300}", {"content": "x"}).status == 400

    found = history(ann, chat_id)
    assert found["currentId"] == LONG
    assert found["messages"].keys() == {"q", LONG, "new"}
    assert found["messages"]["q"] == tree()["messages"]["q"]
    changed = {"content": "changed", "childrenIds": ["new"], "statusHistory": [{"done": True}]}
    assert found["messages"][LONG] == tree()["messages"][LONG] | changed
    assert found["messages"]["new"]["parentId"] == LONG


def test_inlined_document_gets_rows_after_ids_are_valid(app: InProcessApp, ann: Client) -> None:
    chat_id = old_chat(app, ann, {"history": tree()}, title="Whales")
    kept = {"messages": {"q": {"id": "q", "content": "dolphins"}}, "currentId": "q"}

    assert ann.post(CHATS + chat_id, {"chat": {"history": kept}}).json["chat"]["history"] == kept

    assert stored(app, chat_id)["messages_at"] is not None
    for text in ("whales", "dolphins"):
        assert [one["id"] for one in ann.get(f"{CHATS}search?text={text}").json] == [chat_id]


def test_inlined_document_is_cloned_and_shared(app: InProcessApp, ann: Client) -> None:
    secret = tree()
    secret["messages"][LONG]["files"] = [{"id": "f"}]
    chat_id = old_chat(app, ann, {"history": secret})

    clone = ann.post(f"{CHATS}{chat_id}/clone", {})
    assert (clone.status, clone.json["chat"]["history"]) == (200, secret)
    shared = ann.post(f"{CHATS}{chat_id}/share")
    assert (shared.status, shared.json["chat"]["history"]) == (200, tree())


@pytest.mark.parametrize(
    "odd", [{"title": 5}, {"history": []}, {"history": {"messages": {"q": 5}}}, {"messages": {}}]
)
def test_unusual_document_survives_other_updates(
    app: InProcessApp, ann: Client, odd: dict[str, Any]
) -> None:
    document = {"params": {"a": 1}, **odd}
    chat_id = old_chat(app, ann, document)

    answer = ann.post(CHATS + chat_id, {"chat": {"params": {"a": 2}}})

    assert (answer.status, answer.json["chat"]) == (200, document | {"params": {"a": 2}})
    assert ann.post(f"{CHATS}{chat_id}/messages/q", {"content": "x"}).status in (200, 404)
    for action in ("pin", "archive"):
        assert ann.post(f"{CHATS}{chat_id}/{action}").status == 200
    assert ann.post(f"{CHATS}{chat_id}/tags", {"name": "a"}).status == 200


class TestWithoutPermission:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_CHAT_DELETE_MESSAGE": "false"}

    def test_omitting_message_of_inlined_document_is_refused(
        self, app: InProcessApp, ann: Client
    ) -> None:
        chat_id = old_chat(app, ann, {"history": tree()})
        shorter = {"messages": {LONG: tree()["messages"][LONG]}, "currentId": LONG}

        assert ann.post(CHATS + chat_id, {"chat": {"history": shorter}}).status == 403
        assert history(ann, chat_id) == tree()
