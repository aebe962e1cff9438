"""Sockets and replies leave nothing in memory or in the journal, however they end."""

import gc
import time
from collections import Counter, deque
from collections.abc import Iterator, Sized
from typing import Any

import pytest
from tests.reply_requests import ask, start_chat, until_end
from tests.upstream import Upstream

from portico.testing import Client, InProcessApp

#: Modules whose objects are compared: those that know sockets, replies, and the connections of sessions.
MODULES = (
    "portico.sockets",
    "portico.instances.messages",
    "portico.identity.sessions.live_connections",
    "portico.web.drain",
    "portico_completions",
    "engineio",
)
CONTAINERS = (dict, list, set, deque)
#: One entry for each kind of credential that was checked last.
IGNORED = ("LiveConnections._last_answer",)
TABLES = ("completions_reply", "completions_reply_change")


def held() -> Counter[str]:
    """Return the number of objects of these modules, by type, and the entries of their containers, by attribute."""
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if str(kind.__module__).startswith(MODULES):
            found[kind.__qualname__] += 1
            for name, value in attributes(one):
                if isinstance(value, CONTAINERS):
                    found[f"{kind.__qualname__}.{name}"] += len(value)
    for name in IGNORED:
        del found[name]
    return +found


def attributes(one: Any) -> Iterator[tuple[str, Sized]]:
    yield from list(getattr(one, "__dict__", {}).items())
    for kind in type(one).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(one, name):
                yield name, getattr(one, name)


def use_sockets_and_replies(admin: Client, name: str) -> None:
    """Open sockets and ask for replies in all ways, as a new account that is deleted at the end."""
    user = admin.add_user(name)
    with Client(user.transport).connect_socket(None) as anonymous:
        assert "id" in anonymous.call("user-join", {"auth": {"token": user.token}})
    Client(user.transport).connect_socket(None, transport="polling").close()
    with user.connect_socket() as socket, user.connect_socket(transport="polling") as polling:
        for model in ("good", "tools", "reasoning", "status-500", "cut", "error-inside"):
            chat_id, message_id = start_chat(user)
            ask(user, chat_id, message_id, model=model, session_id=socket.id)
            until_end(socket, message_id)
        until_end(polling, message_id)
        chat_id, message_id = start_chat(user)
        task_id = ask(user, chat_id, message_id, model="endless").json["task_id"]
        assert user.post(f"/api/tasks/stop/{task_id}").json["status"]
        until_end(socket, message_id)
        ask(user, chat_id, message_id, session_id="")  # a plain stream, which is stored too
        chat_id, message_id = start_chat(user)
        ask(user, chat_id, message_id, model="endless")
        assert user.delete(f"/api/v1/chats/{chat_id}").status == 200
        until_end(socket, message_id)
    with user.connect_socket() as socket:
        assert user.get("/api/v1/auths/signout").status == 200
        socket.wait_until_closed()
    assert admin.delete(f"/api/v1/users/{user.account['id']}").status == 200


@pytest.mark.slow
def test_sockets_and_replies_leave_nothing(
    app: InProcessApp, admin: Client, upstream: Upstream
) -> None:
    use_sockets_and_replies(admin, "First")
    before = held()
    for number in range(3):
        use_sockets_and_replies(admin, f"User{number}")

    upstream.wait_until_idle()
    deadline = time.monotonic() + 20
    while (more := held() - before) and time.monotonic() < deadline:
        time.sleep(0.2)  # transports end in the background
    assert more == Counter()
    for table in TABLES:
        (found,) = app.run(app.portico.database.rows, f"SELECT COUNT(*) AS n FROM {table}")
        assert found["n"] == 0
