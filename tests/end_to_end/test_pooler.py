"""Two servers whose PostgreSQL is behind PgBouncer, in transaction mode with five connections."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.instance_changes import PATIENCE
from tests.pgbouncer import POOL_SIZE, through
from tests.reply_requests import ask, start_chat, stored
from tests.upstream import STEADY_WORDS, WORDS

from portico.testing import Client, ServerProcess

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize("database_url", ["postgres"], indirect=True),
]
STREAMS = 4 * POOL_SIZE
ASK = {"model": "steady", "stream": True, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def pair(
    servers: Callable[..., ServerProcess], env: dict[str, str], pgbouncer: int
) -> tuple[ServerProcess, ServerProcess]:
    url = through(pgbouncer, env["DATABASE_URL"])
    first, second = servers(DATABASE_URL=url), servers(DATABASE_URL=url)
    return first.start(), second.start()


def test_reply_of_one_server_is_read_at_the_other(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    ada = pair[0].client.sign_up("Ada")
    elsewhere = Client(pair[1].client.transport, ada.token)
    chat_id, message_id = start_chat(ada)
    with ada.connect_socket() as socket:
        assert ask(ada, chat_id, message_id, session_id=socket.id).status == 200
        deadline = time.monotonic() + PATIENCE
        while not stored(elsewhere, chat_id, message_id).get("done"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert stored(elsewhere, chat_id, message_id)["content"] == "".join(WORDS).strip()
    assert "server closed" not in pair[0].log_text + pair[1].log_text


@pytest.mark.case("FT-11")
def test_streams_hold_no_connection_of_the_pooler(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    """More streams than connections, and other requests meanwhile."""
    ada = pair[0].client.sign_up("Ada")
    users = [Client(server.client.transport, ada.token) for server in pair]
    with ThreadPoolExecutor(STREAMS) as threads:
        streams = [
            threads.submit(users[number % 2].post, "/api/chat/completions", ASK)
            for number in range(STREAMS)
        ]
        chat = {"chat": {"title": "Beside"}}
        for number in range(40):
            created = users[number % 2].post("/api/v1/chats/new", chat)
            assert created.status == 200, created
            found = users[(number + 1) % 2].get(f"/api/v1/chats/{created.json['id']}")
            assert found.json["title"] == "Beside"
        for one in streams:
            text = one.result().body.decode()
            assert all(word in text for word in STEADY_WORDS) and text.endswith("[DONE]\n\n")
