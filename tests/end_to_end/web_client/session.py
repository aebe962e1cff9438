"""One signed-in window of the web client: its requests, each compared with the recorded shape of its answer."""

import re
from typing import Any

from tests.end_to_end.web_client.shapes import Shapes
from tests.message_tree import MessageTree
from tests.reply_requests import until_end

from portico.testing import Client, Response, SocketIOClient

_ID = re.compile(r"(?<=/)(?:[0-9a-f]{8}-[0-9a-f-]{27,})(?=/|$)")
_NUMBER = re.compile(r"(?<=/models/)\d+$")
#: What the client reads before it shows any page of a signed-in user, in order.
PAGE_LOAD = (
    "/api/config", "/api/v1/auths/", "/api/version", "/api/v1/users/user/settings", "/api/v1/configs/banners",
    "/api/v1/tools/", "/api/v1/channels/", "/api/models?", "/api/v1/folders/", "/api/v1/chats/all/tags",
    "/api/v1/chats/pinned", "/api/v1/functions/", "/api/v1/chats/?page=1", "/api/v1/chats/?page=2",
)  # fmt: skip
CHAT_LIST = ("/api/v1/folders/", "/api/v1/chats/all/tags", "/api/v1/chats/pinned", "/api/v1/chats/?page=1")  # fmt: skip


class WindowSession:
    """Sends requests as the client does. `faults` collects what does not fit: statuses and shapes."""

    def __init__(self, client: Client, shapes: Shapes) -> None:
        self.client, self.shapes = client, shapes
        self.faults: list[str] = []
        self.join()

    def join(self) -> None:
        """Open a socket, which is signed in afterwards, as on the page for signing in."""
        self.socket: SocketIOClient = self.client.connect_socket(None)
        joined = self.socket.call("user-join", {"auth": {"token": self.client.token}})
        assert joined["id"] == self.client.account["id"]

    def call(self, method: str, target: str, body: Any = None, *, status: int = 200) -> Any:
        """Send a request; return the answer's JSON."""
        answer: Response = self.client.request(method, target, json=body)
        route = _NUMBER.sub("{n}", _ID.sub("{uuid}", target.partition("?")[0]))
        if answer.status != status:
            self.faults.append(f"{method} {target}: {answer.status} {answer.body[:200]!r}")
            return {}
        if "json" not in answer.headers.get("content-type", ""):
            return answer.body
        if status == 200:
            self.faults += self.shapes.differences(method, route, answer.json)
        return answer.json

    def get(self, *targets: str) -> Any:
        """Read all of these; return the last answer."""
        answers = [self.call("GET", target) for target in targets]
        return answers[-1]

    def post(self, target: str, body: Any = None, **options: Any) -> Any:
        """Send a form."""
        return self.call("POST", target, body, **options)

    def load_page(self, *targets: str) -> None:
        """Open a page by its address: what every page reads, and what this one reads in addition."""
        self.get(*PAGE_LOAD, *targets)
        self.get(f"/api/v1/users/{self.client.account['id']}/profile/image")
        self.get("/api/v1/models/model/profile/image?id=good&lang=en-US")


class ChatSession(MessageTree):
    """A chat in a window: the tree of its messages, as the client keeps it in memory."""

    def __init__(self, window: WindowSession) -> None:
        super().__init__()
        self.window, self.id = window, ""

    def add(self, role: str, content: str = "", *, parent: str | None = None, **more: Any) -> str:
        """Add a message with the fields that the client gives one of its role."""
        of_role = {"models": ["good"]} if role == "user" else {"model": "good", "modelIdx": 0}
        return super().add(role, content, parent=parent, timestamp=1_760_000_000, **of_role, **more)

    def save(self) -> None:
        """Save the whole chat. The first time it is created."""
        history = {"messages": self.messages, "currentId": self.current}
        document = {"models": ["good"], "history": history, "messages": self.branch()} | {
            "params": {}, "files": [],
        }  # fmt: skip
        if self.id:
            self.window.post(f"/api/v1/chats/{self.id}", {"chat": document})
        else:
            new = {"id": "", "title": "New Chat", "tags": [], "timestamp": 1_760_000_000_000}
            form = {"chat": new | document, "folder_id": None}
            self.id = self.window.post("/api/v1/chats/new", form)["id"]
        self.window.get("/api/v1/chats/?page=1")

    def ask(self, question: str, *, model: str = "good", stop: bool = False) -> str:
        """Send a question and follow the reply to its end. Return the id of the reply."""
        self.add("user", question)
        self.save()
        return self.reply(model, stop=stop)

    def reply(self, model: str = "good", *, parent: str | None = None, stop: bool = False) -> str:
        """Ask for a reply to the current message, or to another one."""
        message_id = self.add("assistant", parent=parent)
        self.save()
        window = self.window
        window.socket.emit("usage", {"action": "chat", "model": model, "chat_id": self.id})
        conversation = [{k: one[k] for k in ("role", "content")} for one in self.branch()[:-1]]
        answer = window.post(
            "/api/chat/completions",
            {
                "stream": True, "model": model, "messages": conversation, "params": {}, "tool_servers": [],
                "features": {"voice": False, "image_generation": False, "code_interpreter": False,
                             "web_search": False, "memory": False},
                "variables": {"{{USER_NAME}}": "Ada"}, "model_item": {"id": model},
                "session_id": window.socket.id, "chat_id": self.id, "id": message_id,
                "background_tasks": {
                    "title_generation": True, "tags_generation": True, "follow_up_generation": True
                },
            },
        )  # fmt: skip
        if stop:
            window.socket.wait_for("events", lambda one: "content" in one["data"].get("data", {}))
            assert window.get(f"/api/tasks/chat/{self.id}")["task_ids"] == [answer["task_id"]]
            window.post(f"/api/tasks/stop/{answer['task_id']}")
        for kind, data in until_end(window.socket, message_id):
            if kind == "chat:completion" and "content" in data:
                self.messages[message_id]["content"] = data["content"]
        self.messages[message_id]["done"] = True
        if not stop:
            self._complete(model, message_id)
        return message_id

    def _complete(self, model: str, message_id: str) -> None:
        keys = ("id", "role", "content", "timestamp")
        window = self.window
        window.post(
            "/api/chat/completed",
            {
                "model": model,
                "messages": [{key: one[key] for key in keys} for one in self.branch()],
                "model_item": {"id": model},
                "chat_id": self.id, "session_id": window.socket.id, "id": message_id,
            },
        )  # fmt: skip
        self.save()
