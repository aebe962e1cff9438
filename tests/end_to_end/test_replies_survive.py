"""Replies survive what makes them: a killed server, a server that is stopped, and clients on another instance."""

import http.client
import json
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from tests.redis_server import RedisServer
from tests.reply_requests import ask, start_chat, stored, text_in, until_end

from portico.testing import Client, ServerProcess

Servers = Callable[..., ServerProcess]
#: Seconds before the crash: what was received earlier is stored.
MAX_LOSS_SECONDS = 2.0

pytestmark = pytest.mark.slow


def at(server: ServerProcess, user: Client) -> Client:
    """Return the same user at another server."""
    return Client(server.client.transport, user.token)


def watch(socket: Any, seconds: float) -> list[tuple[float, str]]:
    """Return the texts of a growing reply for some time, each with the moment when it arrived."""
    seen: list[tuple[float, str]] = []
    while not seen or seen[-1][0] - seen[0][0] < seconds:
        event = socket.wait_for("events", text_in)
        seen.append((time.monotonic(), text_in(event)))
    return seen


def received_before(seen: list[tuple[float, str]], moment: float) -> str:
    return max((text for when, text in seen if when <= moment), key=len)


def is_over(user: Client, task_id: str) -> bool:
    return task_id not in user.get("/api/tasks").json["tasks"]


@pytest.mark.both_databases
@pytest.mark.case("FT-02")
def test_killed_server_keeps_the_text_of_a_reply_and_the_chat_goes_on(servers: Servers) -> None:
    server = servers().start()
    user = server.client.sign_up("Ada")
    chat_id, message_id = start_chat(user)
    socket = user.connect_socket()
    ask(user, chat_id, message_id, model="endless")
    seen = watch(socket, MAX_LOSS_SECONDS + 0.5)
    killed = time.monotonic()
    server.kill()

    server.start()
    message = stored(user, chat_id, message_id)

    assert message["content"].startswith(received_before(seen, killed - MAX_LOSS_SECONDS))
    assert message["done"] is True
    assert message["error"]["type"] == "interrupted"
    assert "ended unexpectedly" in message["error"]["content"]
    assert user.get("/api/tasks").json == {"tasks": []}
    with user.connect_socket() as again:
        # A window that stayed open hears of the end when it is connected again.
        assert [kind for kind, _ in until_end(again, message_id)] == [
            "chat:message:error",
            "chat:tasks:cancel",
        ]
        ask(user, chat_id, "next", parent_id=message_id)
        assert until_end(again, "next")[-1][1]["done"] is True
    assert stored(user, chat_id, message_id)["content"] == message["content"]


@pytest.mark.case("FT-03")
def test_stopped_server_lets_replies_finish_and_stores_the_rest(servers: Servers) -> None:
    server = servers(PORTICO_SERVER_SHUTDOWN_TIMEOUT="3").start()
    user = server.client.sign_up("Ada")
    short, long = start_chat(user), start_chat(user)
    socket = user.connect_socket()
    ask(user, *long, model="endless")
    received = text_in(socket.wait_for("events", text_in))
    ask(user, *short, model="slow")

    assert server.stop() == 0
    server.start()

    finished, interrupted = stored(user, *short), stored(user, *long)
    assert finished["content"] == "word0 word1 word2 word3 word4"
    assert finished["done"] is True
    assert "error" not in finished
    assert interrupted["content"].startswith(received)
    assert interrupted["done"] is True
    assert "was stopped" in interrupted["error"]["content"]
    with user.connect_socket() as again:  # a window that stayed open learns of the end
        assert [kind for kind, _ in until_end(again, long[1])] == [
            "chat:completion",
            "chat:message:error",
            "chat:tasks:cancel",
        ]


@pytest.fixture(params=["database", "redis"])
def between(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings by which two instances reach each other: through the database, or through Redis."""
    if request.param == "database":
        return {}
    redis: RedisServer = request.getfixturevalue("redis")
    return {"REDIS_URL": redis.url}


@pytest.mark.case("FT-02")
def test_reply_is_watched_and_stopped_from_another_instance_and_survives_its_own(
    servers: Servers, between: dict[str, str]
) -> None:
    one, two = servers(**between).start(), servers(**between).start()
    here = one.client.sign_up("Ada")
    there = at(two, here)
    chat_id, message_id = start_chat(here)
    with here.connect_socket() as own, there.connect_socket() as other:
        task_id = ask(here, chat_id, message_id, model="endless", session_id=own.id).json["task_id"]
        seen = watch(other, 0.5)
        assert seen[-1][1].startswith("more more")
        assert there.get("/api/tasks").json == {"tasks": [task_id]}
        answer = there.post(f"/api/tasks/stop/{task_id}")
        assert answer.json == {"status": True, "message": f"Task {task_id} successfully stopped."}
        assert until_end(own, message_id)[-1][0] == "chat:tasks:cancel"
        assert until_end(other, message_id)[-1][0] == "chat:tasks:cancel"
        assert stored(there, chat_id, message_id)["done"] is True

        task_id = ask(here, chat_id, "next", model="endless", parent_id=message_id).json["task_id"]
        seen = watch(other, MAX_LOSS_SECONDS + 0.5)
        received = received_before(seen, seen[-1][0] - MAX_LOSS_SECONDS)
        assert stored(there, chat_id, "next")["content"].startswith(received)
        killed = time.monotonic()
        one.kill()

        assert until_end(other, "next")[-2][0] == "chat:message:error"
        message = stored(there, chat_id, "next")
        assert message["content"].startswith(received_before(seen, killed - MAX_LOSS_SECONDS))
        assert message["error"]["type"] == "interrupted"
        assert is_over(there, task_id)
        ask(there, chat_id, "last", parent_id="next")
        assert until_end(other, "last")[-1][1]["done"] is True


def ask_and_hang_up(server: ServerProcess, user: Client, chat_id: str, message_id: str) -> bytes:
    """Ask for a plain stream of the model `slow`, read the first events and disconnect. Return what was read."""
    form = {
        "model": "slow",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "chat_id": chat_id,
        "id": message_id,
        "parent_id": "q",
    }
    parts = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    headers = {"authorization": f"Bearer {user.token}", "content-type": "application/json"}
    connection.request("POST", "/api/chat/completions", json.dumps(form), headers)
    response = connection.getresponse()
    assert response.status == 200
    read = response.readline()
    response.close()
    connection.close()
    return read


@pytest.mark.parametrize("finish", [False, True])
def test_plain_stream_whose_client_disconnects_keeps_its_text(
    servers: Servers, finish: bool
) -> None:
    server = servers(PORTICO_COMPLETIONS_FINISH_AFTER_DISCONNECT=str(finish).lower()).start()
    user = server.client.sign_up("Ada")
    chat_id, message_id = start_chat(user)

    assert b"word0" in ask_and_hang_up(server, user, chat_id, message_id)
    while user.get("/api/tasks").json["tasks"]:
        time.sleep(0.02)

    message = stored(user, chat_id, message_id)
    assert message["content"].startswith("word0")
    assert message["done"] is True
    if finish:
        assert message["content"] == "word0 word1 word2 word3 word4"
        assert "error" not in message
    else:
        assert message["error"]["type"] == "interrupted"
        assert "disconnected" in message["error"]["content"]
