"""Random requests of users and attackers, as fast as the server answers.

The amount of stored data stays about the same: a user who creates a chat deletes an older one, and created accounts are
deleted again. So growing memory is not used for stored data. Only the audit trail grows; therefore accounts are created
rarely, since SQLite caches up to 4 MB of a file for each of four connections.
"""

import contextlib
import http.client
import itertools
import json
import random
import string
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from tests.reply_requests import ask, start_chat, until_end

from portico.testing import PASSWORD, Client, HandshakeRefused, Response, SocketClosed

CHATS_EACH = 40
#: Seconds between two temporary accounts.
GUEST_SECONDS = 3.0
#: Models of the tests' upstream that fail.
FAILING = ("status-500", "html", "broken-json", "cut")
#: What an action raises that fails.
FAILURES = (
    OSError,
    http.client.HTTPException,
    ValueError,
    KeyError,
    AssertionError,
    SocketClosed,
    HandshakeRefused,
)
USERS = 6
WORDS = [
    f"{one}{two}" for one in ("ba", "lo", "mi", "tu", "re") for two in ("ka", "ne", "su", "dor")
]


class Load:
    """Users of one server, each in a thread. `done` and `failed` count their actions, by name."""

    def __init__(self, admin: Client, url: str, users: int = USERS, seed: int = 1) -> None:
        self.admin, self.url = admin, url
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._next_guest = 0.0
        self._users = [
            SimulatedUser(self, admin.add_user(f"Soak{number}"), random.Random(seed + number))
            for number in range(users)
        ]

    def start(self) -> None:
        for user in self._users:
            user.start()

    def stop(self) -> None:
        self._stopped.set()
        for user in self._users:
            user.join()

    @property
    def is_over(self) -> bool:
        return self._stopped.is_set()

    def guest_is_due(self) -> bool:
        """Return whether the next temporary account is due."""
        with self._lock:
            due = time.monotonic() >= self._next_guest
            if due:
                self._next_guest = time.monotonic() + GUEST_SECONDS
            return due

    def number(self) -> int:
        return next(self._numbers)


class SimulatedUser(threading.Thread):
    """One account, and random actions with it."""

    def __init__(self, load: Load, client: Client, random: random.Random) -> None:
        super().__init__(daemon=True)
        self.load, self.client, self.random = load, client, random
        self.chats: deque[str] = deque()

    def run(self) -> None:
        actions: list[tuple[Callable[[], bool], int]] = [
            (self.chat, 6), (self.read, 6), (self.lists, 6), (self.search, 6), (self.complete, 5),
            (self.stream, 5), (self.cancel, 3), (self.refused_key, 4), (self.bad_sign_in, 1), (self.sign_in, 2),
            (self.temporary_account, 1), (self.invalid_body, 2), (self.folder, 2), (self.failing_model, 1),
            (self.socket, 3), (self.anonymous_socket, 1), (self.reply, 3), (self.stopped_reply, 2), (self.deleted_reply, 1),
        ]  # fmt: skip
        functions, weights = zip(*actions, strict=True)
        while not self.load.is_over:
            (do,) = self.random.choices(functions, weights)
            name = do.__name__.replace("_", " ")
            try:
                ok = do()
            except FAILURES:
                ok = False
            (self.load.done if ok else self.load.failed)[name] += 1

    def phrase(self) -> str:
        words = self.random.choices(WORDS, k=self.random.randint(1, 3))
        return " ".join([*words, "".join(self.random.choices(string.ascii_lowercase, k=4))])

    def chat(self) -> bool:
        text = self.phrase()
        message = {"id": "m1", "role": "user", "content": text, "parentId": None, "childrenIds": []}
        document = {"title": text, "history": {"messages": {"m1": message}, "currentId": "m1"}}
        answer = self.client.post("/api/v1/chats/new", {"chat": document})
        if answer.status != 200:
            return False
        self.chats.append(answer.json["id"])
        if len(self.chats) > CHATS_EACH:
            return self.client.delete(f"/api/v1/chats/{self.chats.popleft()}").status == 200
        return True

    def read(self) -> bool:
        if not self.chats:
            return True
        chat = self.random.choice(self.chats)
        text = {"chat": {"title": self.phrase()}}
        return (
            self.client.get(f"/api/v1/chats/{chat}").status == 200
            and self.client.post(f"/api/v1/chats/{chat}", text).status == 200
        )

    def lists(self) -> bool:
        paths = (
            "/api/models",
            "/api/v1/chats/?page=1",
            "/api/v1/auths/",
            "/api/config",
            "/api/v1/folders/",
        )
        return all(self.client.get(path).status == 200 for path in paths)

    def search(self) -> bool:
        phrase = quote(self.phrase())
        path = f"/api/v1/chats/search?text={phrase}&page={self.random.randint(1, 3)}"
        return self.client.get(path).status == 200

    def complete(self) -> bool:
        return bool(self.client.complete("good", self.phrase()))

    def stream(self) -> bool:
        answer = self._ask("good", stream=True)
        return answer.status == 200 and answer.body.endswith(b"data: [DONE]\n\n")

    def cancel(self) -> bool:
        """Disconnect in the middle of an endless answer."""
        address = urlsplit(self.load.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        body = json.dumps(_completion("endless", self.phrase(), stream=True))
        headers = {
            "authorization": f"Bearer {self.client.token}",
            "content-type": "application/json",
        }
        with contextlib.closing(connection):
            connection.request("POST", "/api/chat/completions", body, headers)
            with connection.getresponse() as response:
                return response.status == 200 and response.readline().startswith(b"data:")

    def failing_model(self) -> bool:
        return self._ask(self.random.choice(FAILING), stream=True).status in (
            200,
            502,
        )

    def socket(self) -> bool:
        """Connect, by a random transport, and send an event."""
        transport = self.random.choice(("websocket", "polling"))
        with self.client.connect_socket(transport=transport) as socket:  # type: ignore[arg-type]
            return socket.call("heartbeat", {}) is None

    def anonymous_socket(self) -> bool:
        """Connect without an account, and sign in in half of the cases."""
        with Client(self.client.transport).connect_socket(None) as socket:
            if self.random.random() < 0.5:
                return "id" in socket.call("user-join", {"auth": {"token": self.client.token}})
        return True

    def reply(self) -> bool:
        """Receive a reply in events."""
        chat_id, message_id = start_chat(self.client, self.phrase())
        with self.client.connect_socket() as socket:
            ask(self.client, chat_id, message_id)
            is_done = until_end(socket, message_id)[-1][1]["done"]
        return bool(is_done) and self.client.delete(f"/api/v1/chats/{chat_id}").status == 200

    def stopped_reply(self) -> bool:
        """Stop an endless reply."""
        chat_id, message_id = start_chat(self.client, self.phrase())
        answer = ask(self.client, chat_id, message_id, model="endless")
        stopped = self.client.post(f"/api/tasks/stop/{answer.json['task_id']}").json
        deleted = self.client.delete(f"/api/v1/chats/{chat_id}").status
        return bool(stopped["status"]) and deleted == 200

    def deleted_reply(self) -> bool:
        """Delete a chat while a reply in it grows."""
        chat_id, message_id = start_chat(self.client, self.phrase())
        asked = ask(self.client, chat_id, message_id, model="endless").status
        return asked == 200 and self.client.delete(f"/api/v1/chats/{chat_id}").status == 200

    def refused_key(self) -> bool:
        key = "sk-" + "".join(self.random.choices(string.hexdigits.lower(), k=32))
        return Client(self.client.transport, key).get("/api/models").status in (401, 403, 429)

    def bad_sign_in(self) -> bool:
        form = {"email": f"unknown{self.load.number()}@example.org", "password": self.phrase()}
        return Client(self.client.transport).post("/api/v1/auths/signin", form).status in (400, 429)

    def sign_in(self) -> bool:
        form = {"email": self.client.account["email"], "password": PASSWORD}
        answer = Client(self.client.transport).post("/api/v1/auths/signin", form)
        if answer.status == 429:
            return True
        again = Client(self.client.transport, answer.json["token"])
        return again.get("/api/v1/auths/signout").status == 200

    def temporary_account(self) -> bool:
        """Create an account that writes, and delete it while it still writes."""
        if not self.load.guest_is_due():
            return self.lists()
        name = f"Guest{self.load.number()}"
        form = {"name": name, "email": f"{name}@example.org", "password": PASSWORD, "role": "user"}
        made = self.load.admin.post("/api/v1/auths/add", form)
        if made.status != 200:
            return made.status == 429
        guest = Client(self.client.transport, made.json["token"], made.json)

        def write() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                while guest.post("/api/v1/chats/new", {"chat": {"title": name}}).status == 200:
                    pass

        writing = threading.Thread(target=write)
        writing.start()
        deleted = self.load.admin.delete(f"/api/v1/users/{made.json['id']}")
        writing.join()
        return deleted.status == 200

    def invalid_body(self) -> bool:
        deep = b"[" * self.random.randint(1, 5000)
        return self.client.post("/api/v1/chats/new", body=b'{"chat":' + deep).status in (400, 422)

    def folder(self) -> bool:
        made = self.client.post("/api/v1/folders/", {"name": self.phrase()})
        if made.status != 200:
            return made.status in (400, 429)
        return self.client.delete(f"/api/v1/folders/{made.json['id']}").status == 200

    def _ask(self, model: str, *, stream: bool) -> Response:
        return self.client.post(
            "/api/chat/completions", _completion(model, self.phrase(), stream=stream)
        )


def _completion(model: str, text: str, *, stream: bool) -> dict[str, object]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
