"""Copies of own and of shared chats."""

import pytest
from tests.plugins.chats.conftest import document, new_chat

from portico.api.interfaces import ChatChanged
from portico.events import Listener
from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"


def test_clone_is_same_chat_with_new_title(app: InProcessApp, ann: Client) -> None:
    chat = new_chat(ann)
    told: list[ChatChanged] = []
    app.portico.events.subscribe("test", [Listener(ChatChanged, told.append)])

    clone = ann.post(f"{CHATS}{chat['id']}/clone", {"title": "Again"}).json

    assert clone["id"] != chat["id"] and clone["title"] == "Again"
    assert clone["chat"] == {
        **document(title="Again"),
        "originalChatId": chat["id"],
        "branchPointMessageId": "q",
    }
    assert ann.get(CHATS + clone["id"]).json == clone
    assert ann.get(CHATS + chat["id"]).json == chat
    assert told == [ChatChanged(clone["id"], ann.account["id"], "created")]


@pytest.mark.parametrize("body", [{}, {"title": None}, {"title": ""}])
def test_clone_without_title_names_its_original(ann: Client, body: dict[str, str | None]) -> None:
    clone = ann.post(f"{CHATS}{new_chat(ann)['id']}/clone", body).json

    assert clone["title"] == clone["chat"]["title"] == "Clone of Trip ideas"


@pytest.mark.case("D-CHAT-4")
def test_clone_without_history_has_no_branch_point(ann: Client) -> None:
    chat_id = ann.post(CHATS + "new", {"chat": {}}).json["id"]

    clone = ann.post(f"{CHATS}{chat_id}/clone", {}).json

    assert clone["chat"] == {
        "originalChatId": chat_id,
        "branchPointMessageId": None,
        "title": "Clone of New Chat",
    }


def test_clone_of_own_chat_keeps_flags_folder_and_tags(app: InProcessApp, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    sql = """UPDATE chats_chat SET pinned = TRUE, folder_id = 'f', meta = '{"tags":["lex_desk"]}'"""
    app.run(app.portico.database.execute, sql)

    clone = ann.post(f"{CHATS}{chat_id}/clone", {}).json

    assert (clone["pinned"], clone["folder_id"]) == (True, "f")
    assert clone["meta"] == {"tags": ["lex_desk"]}
    assert (clone["archived"], clone["share_id"]) == (False, None)
    tagged = app.run(app.portico.database.rows, "SELECT * FROM chats_chat_tag")
    assert tagged == [{"chat_id": clone["id"], "tag_id": "lex_desk", "user_id": ann.account["id"]}]
    (tag,) = app.run(app.portico.database.rows, "SELECT * FROM chats_tag")
    assert tag == {"user_id": ann.account["id"], "id": "lex_desk", "name": "lex_desk"}


@pytest.mark.case("D-CHAT-10")
def test_clone_of_shared_chat_has_only_title_and_document(
    app: InProcessApp, ann: Client, bob: Client
) -> None:
    chat_id = new_chat(ann)["id"]
    sql = """UPDATE chats_chat SET pinned = TRUE, folder_id = 'f', meta = '{"tags":["lex"]}'"""
    app.run(app.portico.database.execute, sql)
    shared = ann.post(f"{CHATS}{chat_id}/share").json

    clone = bob.post(f"{CHATS}{shared['id']}/clone/shared").json

    assert clone["user_id"] == bob.account["id"]
    assert clone["title"] == "Clone of Trip ideas"
    assert (clone["pinned"], clone["folder_id"], clone["meta"]) == (False, None, {})
    assert clone["chat"]["originalChatId"] == shared["id"]
    assert clone["chat"]["branchPointMessageId"] == "q"
    assert clone["chat"]["history"] == document()["history"]
    assert bob.get(CHATS + clone["id"]).json == clone
    assert app.run(app.portico.database.rows, "SELECT * FROM chats_chat_tag") == []


@pytest.mark.case("AB-48")
def test_clone_requires_own_chat_id(ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    share_id = ann.post(f"{CHATS}{chat_id}/share").json["id"]

    for target in (chat_id, share_id, "absent", "%00"):
        assert bob.post(f"{CHATS}{target}/clone", {}).status == 404
    for target in (chat_id, "absent", "%00"):
        assert bob.post(f"{CHATS}{target}/clone/shared").status == 404
    assert bob.get(CHATS).json == []


@pytest.mark.parametrize("body", [None, 5, [], {"title": 5}])
def test_clone_refuses_invalid_body(ann: Client, body: object) -> None:
    assert ann.post(f"{CHATS}{new_chat(ann)['id']}/clone", body).status == 422


class TestWithNothingKept:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"USER_PERMISSIONS_CHAT_TEMPORARY_ENFORCED": "true"}

    def test_only_administrators_clone_chats(self, ann: Client, admin: Client) -> None:
        chat_id = new_chat(admin)["id"]
        share_id = admin.post(f"{CHATS}{chat_id}/share").json["id"]

        assert ann.post(f"{CHATS}{chat_id}/clone", {}).status == 403
        assert ann.post(f"{CHATS}{share_id}/clone/shared").status == 403
        assert admin.post(f"{CHATS}{chat_id}/clone", {}).status == 200
        assert admin.post(f"{CHATS}{share_id}/clone/shared").status == 200
