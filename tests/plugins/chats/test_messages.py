"""Single messages over HTTP: writes and events."""

from typing import Any

import pytest
from tests.one_database import on_sqlite
from tests.plugins.chats.conftest import new_chat

from portico.api.interfaces import ChatChanged, MessageEvent
from portico.events import Listener
from portico.testing import Client, InProcessApp

CHATS = "/api/v1/chats/"


def message(user: Client, chat_id: str, message_id: str) -> dict[str, Any]:
    answer = user.get(CHATS + chat_id)
    return dict(answer.json["chat"]["history"]["messages"][message_id])


def test_write_changes_message_and_makes_it_current(ann: Client) -> None:
    chat = new_chat(ann)

    answer = ann.post(f"{CHATS}{chat['id']}/messages/q", {"content": "Hello"})

    assert answer.status == 200
    assert answer.json == ann.get(CHATS + chat["id"]).json
    assert answer.json["chat"]["history"]["messages"]["q"] == {
        **chat["chat"]["history"]["messages"]["q"],
        "content": "Hello",
    }
    assert answer.json["chat"]["messages"][0]["content"] == "Hello"


@pytest.mark.parametrize(
    ("form", "parent", "role"),
    [
        ({}, "q", "assistant"),
        ({"role": "user"}, "q", "user"),
        ({"parentId": "p"}, "p", "user"),
        ({"parentId": "", "role": None}, "q", "assistant"),
    ],
)
def test_write_creates_missing_message_in_tree(
    form: dict[str, Any], parent: str, role: str, ann: Client
) -> None:
    chat = new_chat(ann)
    earlier = {"p": {"id": "p", "parentId": None, "childrenIds": ["x"], "role": "assistant"}}
    tree = {"messages": {**earlier, **chat["chat"]["history"]["messages"]}, "currentId": "q"}
    before = ann.post(CHATS + chat["id"], {"chat": {"history": tree}}).json["chat"]["history"]

    history = ann.post(f"{CHATS}{chat['id']}/messages/new", {"content": "x", **form}).json["chat"][
        "history"
    ]

    made = history["messages"].pop("new")
    assert made == {
        "id": "new",
        "parentId": parent,
        "childrenIds": [],
        "role": role,
        "content": "x",
        "timestamp": made["timestamp"],
    } | ({"done": True} if role == "assistant" else {})
    assert history["currentId"] == "new"
    linked = before["messages"][parent]
    assert history["messages"] == before["messages"] | {
        parent: linked | {"childrenIds": [*linked["childrenIds"], "new"]}
    }


def test_first_message_of_chat_has_role_user(ann: Client) -> None:
    chat_id = ann.post(CHATS + "new", {"chat": {}}).json["id"]

    chat = ann.post(f"{CHATS}{chat_id}/messages/a", {"content": "x"}).json["chat"]

    first = chat["history"]["messages"]["a"]
    assert (first["role"], first["parentId"]) == ("user", None)


def test_unknown_parent_is_refused(
    ann: Client,
) -> None:
    chat_id = new_chat(ann)["id"]
    before = ann.get(CHATS + chat_id).body

    for parent in ("absent", "new", "x" * 256):
        form = {"content": "x", "parentId": parent}
        answer = ann.post(f"{CHATS}{chat_id}/messages/new", form)
        assert (answer.status, answer.detail[:9]) == (400, "parentId:")
    assert ann.get(CHATS + chat_id).body == before


def test_write_to_deleted_message_changes_nothing(app: InProcessApp, ann: Client) -> None:
    heard: list[Any] = []
    app.portico.context.events.subscribe(
        "test", [Listener(ChatChanged, heard.append), Listener(MessageEvent, heard.append)]
    )
    chat_id = new_chat(ann)["id"]
    other = {"messages": {"x": {"id": "x", "content": "x"}}, "currentId": "x"}
    assert ann.post(CHATS + chat_id, {"chat": {"history": other}}).status == 200
    before = ann.get(CHATS + chat_id).body
    heard.clear()

    write = ann.post(f"{CHATS}{chat_id}/messages/q", {"content": "x"})
    assert (write.status, write.detail[:16]) == (404, "We could not fin")
    for kind in ("message", "replace", "status", "files"):
        event = {"type": kind, "data": {"content": "x"}}
        answer = ann.post(f"{CHATS}{chat_id}/messages/q/event", event)
        assert (answer.status, answer.json) == (200, False)
    assert ann.get(CHATS + chat_id).body == before
    assert heard == []


def test_restored_message_can_be_written(ann: Client) -> None:
    chat = new_chat(ann)
    path = CHATS + chat["id"]
    other = {"messages": {"x": {"id": "x", "content": "x"}}, "currentId": "x"}
    ann.post(path, {"chat": {"history": other}})

    ann.post(path, {"chat": {"history": chat["chat"]["history"]}})

    assert ann.post(f"{path}/messages/q", {"content": "x"}).status == 200
    assert message(ann, chat["id"], "q")["content"] == "x"


def test_prefer_minimal_returns_no_body(ann: Client) -> None:
    chat = new_chat(ann)
    path = f"{CHATS}{chat['id']}/messages/q"

    answer = ann.post(path, {"content": "x"}, headers={"prefer": "respond-async, return=minimal"})

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["preference-applied"] == "return=minimal"
    assert message(ann, chat["id"], "q")["content"] == "x"


@pytest.mark.parametrize("route", ["", "/event"])
@pytest.mark.case("AB-48")
def test_foreign_message_is_not_found(route: str, ann: Client, bob: Client) -> None:
    chat_id = new_chat(ann)["id"]
    before = ann.get(CHATS + chat_id).body
    form = {"content": "x", "type": "replace", "data": {"content": "x"}}

    for target in (chat_id, "absent"):
        answer = bob.post(f"{CHATS}{target}/messages/q{route}", form)
        assert (answer.status, answer.detail[:16]) == (404, "We could not fin")
    assert ann.get(CHATS + chat_id).body == before


@pytest.mark.parametrize("form", [{}, {"content": 5}, {"content": None}, []])
def test_non_text_content_is_refused(form: object, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]

    assert ann.post(f"{CHATS}{chat_id}/messages/q", form).status == 422
    assert message(ann, chat_id, "q")["content"] == "Hi"


@pytest.mark.case("AB-58")
def test_invalid_message_id_is_refused(ann: Client) -> None:
    chat_id = new_chat(ann)["id"]

    for message_id in ("x" * 256, "a%00b"):
        answer = ann.post(f"{CHATS}{chat_id}/messages/{message_id}", {"content": "x"})
        assert answer.status == 400
    assert ann.get(CHATS + chat_id).json["chat"]["history"]["messages"].keys() == {"q"}


class TestWithoutPermissions:
    @pytest.fixture
    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {
            "USER_PERMISSIONS_CHAT_EDIT": "false",
            "USER_PERMISSIONS_CHAT_DELETE_MESSAGE": "false",
        }

    def test_message_write_without_permission_is_refused(self, ann: Client) -> None:
        chat_id = new_chat(ann)["id"]

        assert ann.post(f"{CHATS}{chat_id}/messages/q", {"content": "x"}).status == 403

    def test_omitting_message_without_permission_is_refused(self, ann: Client) -> None:
        chat_id = new_chat(ann)["id"]
        other = {"messages": {"x": {"content": "x"}}, "currentId": "x"}

        assert ann.post(CHATS + chat_id, {"chat": {"history": other}}).status == 403
        assert ann.get(CHATS + chat_id).json["chat"]["history"]["messages"].keys() == {"q"}
        assert ann.post(CHATS + chat_id, {"chat": {"title": "x"}}).status == 200


EVENTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("message", {"content": "!"}, {"content": "Hi!"}),
    ("replace", {"content": "Bye"}, {"content": "Bye"}),
    ("status", {"done": True}, {"statusHistory": [{"done": True}]}),
    ("files", {"files": [{"id": 1}]}, {"files": [{"id": 1}]}),
    ("embeds", {"embeds": ["x"]}, {"embeds": ["x"]}),
    ("source", {"name": "n"}, {"sources": [{"name": "n"}]}),
    ("citation", {"name": "n"}, {"sources": [{"name": "n"}]}),
    ("source", {"type": "code_execution"}, {}),
    ("chat:title", {"content": "x"}, {}),
    ("message", {}, {}),
    ("files", {"files": 5}, {"files": []}),
]


@pytest.mark.parametrize(("kind", "data", "left"), EVENTS)
def test_event_stores_its_effect_in_message(
    kind: str, data: dict[str, Any], left: dict[str, Any], ann: Client
) -> None:
    chat_id = new_chat(ann)["id"]
    before = message(ann, chat_id, "q")

    answer = ann.post(f"{CHATS}{chat_id}/messages/q/event", {"type": kind, "data": data})

    assert (answer.status, answer.json) == (200, True)
    assert message(ann, chat_id, "q") == before | left


def test_files_are_prepended_and_status_is_appended(ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    for n in (1, 2):
        for kind, data in (("files", {"files": [n]}), ("status", {"n": n})):
            ann.post(f"{CHATS}{chat_id}/messages/q/event", {"type": kind, "data": data})

    assert message(ann, chat_id, "q")["files"] == [2, 1]
    assert message(ann, chat_id, "q")["statusHistory"] == [{"n": 1}, {"n": 2}]


def test_event_creates_whole_message_or_none(ann: Client) -> None:
    chat_id = new_chat(ann)["id"]
    before = ann.get(CHATS + chat_id).body

    for kind in ("status", "source", "chat:title"):
        event = {"type": kind, "data": {}}
        assert ann.post(f"{CHATS}{chat_id}/messages/x/event", event).json is True
    assert ann.get(CHATS + chat_id).body == before

    ann.post(f"{CHATS}{chat_id}/messages/x/event", {"type": "replace", "data": {"content": "!"}})
    made = message(ann, chat_id, "x")
    assert made == {
        "id": "x",
        "parentId": "q",
        "childrenIds": [],
        "role": "assistant",
        "content": "!",
        "timestamp": made["timestamp"],
    }
    assert message(ann, chat_id, "q")["childrenIds"] == ["x"]


@pytest.mark.parametrize(
    "form", [{"type": "status"}, {"type": 1, "data": {}}, {"data": {}}, {"type": "x", "data": []}]
)
def test_invalid_event_is_refused(form: object, ann: Client) -> None:
    chat_id = new_chat(ann)["id"]

    assert ann.post(f"{CHATS}{chat_id}/messages/q/event", form).status == 422


def test_message_events_are_published_after_commit(app: InProcessApp, ann: Client) -> None:
    heard: list[Any] = []
    app.portico.context.events.subscribe(
        "test", [Listener(ChatChanged, heard.append), Listener(MessageEvent, heard.append)]
    )
    chat = new_chat(ann)
    heard.clear()

    ann.post(f"{CHATS}{chat['id']}/messages/q", {"content": "x"})
    ann.post(f"{CHATS}{chat['id']}/messages/q/event", {"type": "status", "data": {"a": 1}})

    events = [(one.type, bytes(one.data)) for one in heard if isinstance(one, MessageEvent)]
    assert events == [("chat:message", b'{"content":"x"}'), ("status", b'{"a":1}')]
    assert {one.user_id for one in heard} == {chat["user_id"]}
    assert [one.change for one in heard if isinstance(one, ChatChanged)] == ["updated", "updated"]


@on_sqlite
@pytest.mark.parametrize(
    "kind",
    [
        "execute",
        "execute:python",
        "execute:tool",
        "confirmation",
        "input",
        "request:chat:completion",
    ],
)
def test_event_that_has_browsers_run_code_or_ask_is_refused(ann: Client, kind: str) -> None:
    chat = new_chat(ann)
    with ann.connect_socket() as socket:
        form = {"type": kind, "data": {"code": "alert(1)"}}
        answer = ann.post(f"{CHATS}{chat['id']}/messages/q/event", form)
        assert answer.status == 400
        assert answer.json["detail"].startswith("type: ")
        assert socket.events() == []
