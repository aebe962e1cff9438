"""One window of the web client, request by request: sign in, ask, watch the reply grow, end the turn, reload."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.message_tree import MessageTree
from tests.reply_requests import until_end

from portico.testing import Client, SocketIOClient

WORDS = "word0 word1 word2 word3 word4"
#: What the client reads before it shows a page to a signed-in user. It shows none if one of the lists is refused.
PAGE_LOAD = (
    "/api/config",
    "/api/version",
    "/api/v1/auths/",
    "/api/v1/users/user/settings",
    "/api/v1/configs/banners",
    "/api/v1/tools/",
    "/api/models",
    "/api/v1/channels/",
    "/api/v1/folders/",
    "/api/v1/chats/all/tags",
    "/api/v1/chats/pinned",
    "/api/v1/functions/",
    "/api/v1/chats/?page=1",
)


class Window(MessageTree):
    """The state of one window: a chat as the client has it in memory."""

    def __init__(self, user: Client) -> None:
        super().__init__()
        self.user = user
        # The socket of the sign-in page is the one that later belongs to the account.
        self.socket: SocketIOClient = user.connect_socket(None)
        self.chat_id = ""

    def sign_in(self) -> None:
        joined = self.socket.call("user-join", {"auth": {"token": self.user.token}})
        assert joined["id"] == self.user.account["id"]

    def load(self) -> None:
        answers = {path: self.user.get(path).status for path in PAGE_LOAD}
        assert answers == dict.fromkeys(PAGE_LOAD, 200)

    def document(self) -> dict[str, Any]:
        history = {"messages": self.messages, "currentId": self.current}
        return {"models": ["good"], "history": history, "messages": self.branch(), "params": {}}

    def save(self) -> None:
        if self.chat_id:
            answer = self.user.post(f"/api/v1/chats/{self.chat_id}", {"chat": self.document()})
            assert answer.status == 200
            return
        form = {"chat": {"id": "", "title": "New Chat", "tags": []} | self.document()}
        answer = self.user.post("/api/v1/chats/new", form | {"folder_id": None})
        self.chat_id = answer.json["id"]

    def ask(self, question: str, model: str = "good") -> tuple[str, str]:
        """Send a message as the client does. Returns the ids of the answering message and of the task."""
        asked = self.add("user", question)
        self.save()
        message_id = self.add("assistant")
        self.save()
        self.socket.emit("usage", {"action": "chat", "model": model, "chat_id": self.chat_id})
        conversation = [{k: one[k] for k in ("role", "content")} for one in self.branch()[:-1]]
        answer = self.user.post(
            "/api/chat/completions",
            {
                "stream": True,
                "model": model,
                "messages": conversation,
                "params": {},
                "tool_servers": [],
                "features": {"web_search": False},
                "variables": {"{{USER_NAME}}": "Ada"},
                "model_item": {"id": model},
                "session_id": self.socket.id,
                "chat_id": self.chat_id,
                "id": message_id,
                "parent_id": asked,
                "background_tasks": {"title_generation": True, "tags_generation": True},
            },
        )
        assert answer.json["status"] is True
        return message_id, answer.json["task_id"]

    def watch(self, message_id: str) -> list[str]:
        """Apply the events of a reply until it ends. Returns the texts that were shown."""
        shown = []
        for kind, data in until_end(self.socket, message_id):
            self.apply(message_id, kind, data)
            shown.append(self.messages[message_id]["content"])
        return shown

    def apply(self, message_id: str, kind: str, data: Mapping[str, Any]) -> None:
        message = self.messages[message_id]
        if kind == "chat:tasks:cancel":
            message["done"] = True
        elif kind == "chat:message:error":
            message["error"] = data["error"]
        elif kind == "chat:completion":
            for choice in data.get("choices", ()):
                message["content"] += choice["delta"].get("content") or ""
            message["content"] = data.get("content", message["content"])
            if data.get("done"):
                message["done"] = True
                self.complete(message_id)

    def complete(self, message_id: str) -> None:
        keys = ("id", "role", "content")
        answer = self.user.post(
            "/api/chat/completed",
            {
                "model": "good",
                "messages": [{key: one[key] for key in keys} for one in self.branch()],
                "model_item": {"id": "good"},
                "chat_id": self.chat_id,
                "session_id": self.socket.id,
                "id": message_id,
            },
        )
        assert answer.status == 200
        for message in answer.json["messages"]:
            self.messages[message["id"]] |= message
        self.save()

    def stored(self) -> dict[str, Any]:
        """The chat's messages as a reload finds them."""
        answer = self.user.get(f"/api/v1/chats/{self.chat_id}")
        messages: dict[str, Any] = answer.json["chat"]["history"]["messages"]
        return messages


@pytest.fixture
def window(user: Client) -> Window:
    return Window(user)


def test_window_signs_in_asks_twice_and_finds_both_turns_after_a_reload(window: Window) -> None:
    window.load()
    window.sign_in()

    first, _ = window.ask("Hello")
    shown = window.watch(first)
    assert shown == sorted(shown, key=len)
    assert shown[-1] == WORDS
    listed = window.user.get("/api/v1/chats/?page=1").json
    assert [one["id"] for one in listed] == [window.chat_id]

    second, _ = window.ask("And again")
    window.watch(second)

    window.load()
    found = window.stored()
    assert [one["content"] for one in found.values()] == ["Hello", WORDS, "And again", WORDS]
    assert found[second]["done"] is True
    assert found.keys() == window.messages.keys()
    assert window.user.get(f"/api/tasks/chat/{window.chat_id}").json == {"task_ids": []}


def test_second_window_opens_in_the_middle_of_a_reply_and_stops_it(window: Window) -> None:
    window.sign_in()
    message_id, task_id = window.ask("Hello", model="endless")
    window.socket.wait_for("events", lambda one: "content" in one["data"].get("data", {}))

    other = Window(window.user)
    other.sign_in()
    other.chat_id, other.messages = window.chat_id, window.stored()
    assert other.messages[message_id]["content"].startswith("more")
    tasks = other.user.get(f"/api/tasks/chat/{other.chat_id}").json
    assert tasks == {"task_ids": [task_id]}
    assert other.user.post(f"/api/tasks/stop/{task_id}").json["status"] is True

    for each in (window, other):
        each.watch(message_id)
        assert each.messages[message_id]["done"] is True
    text = window.stored()[message_id]["content"]
    assert text == other.messages[message_id]["content"] == window.messages[message_id]["content"]

    following, _ = window.ask("Go on")
    assert window.watch(following)[-1] == WORDS
    assert window.stored()[message_id]["content"] == text


def test_turn_after_a_failed_reply_works(window: Window) -> None:
    window.sign_in()
    failed, _ = window.ask("Hello", model="cut")
    window.watch(failed)
    assert window.messages[failed]["done"] is True

    following, _ = window.ask("Again")
    assert window.watch(following)[-1] == WORDS
    found = window.stored()[failed]
    assert found["error"]["content"] and found["content"]
