"""Clients that do not read what they are sent: they are let go, and those that are only slow are not."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests import upstream as behaviours
from tests.soak.measuring import resident_mb, worker_of
from tests.upstream import Connection, Upstream, chunk

from portico.testing import Client, ServerProcess

# Nothing of it is about the database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SEND_TIMEOUT = 2.5
#: What the provider sends meanwhile is many times as much.
MAX_GROWTH_MB = 40.0


async def flood(connection: Connection) -> None:
    """Send without end, as fast as it is taken."""
    await connection.begin()
    with contextlib.suppress(ConnectionError):
        while not connection.reader.at_eof():
            await connection.send(chunk("x" * 4000))


async def pause(connection: Connection) -> None:
    """Say nothing for longer than a client may leave something unread."""
    await connection.begin()
    await connection.send(chunk("first "))
    await asyncio.sleep(3 * SEND_TIMEOUT)
    await connection.send(chunk("last ", finish="stop"))
    await connection.send(behaviours.DONE)
    await connection.end()


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """As everywhere, with two more models."""
    monkeypatch.setitem(behaviours.BEHAVIOURS, "flood", flood)
    monkeypatch.setitem(behaviours.BEHAVIOURS, "pause", pause)
    with Upstream() as running:
        yield running


@pytest.fixture
def env(env: dict[str, str], upstream: Upstream) -> dict[str, str]:
    limit = {"PORTICO_SERVER_SEND_TIMEOUT": str(SEND_TIMEOUT)}
    return env | upstream.environment | limit


def ask(server: ServerProcess, client: Client, model: str) -> socket.socket:
    """Ask for a stream over a socket that takes little by itself, and read the beginning of the answer."""
    where = urlsplit(server.url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect((where.hostname, where.port))
    body = f'{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"hi"}}]}}'
    connection.sendall(
        f"POST /api/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {client.token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(512)
        assert piece, head
        head += piece
    assert head.startswith(b"HTTP/1.1 200")
    assert b"cache-control: no-store, private" in head
    return connection


def read_on(connection: socket.socket) -> bytes:
    """What is still there to be read."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            said += piece
    return said


def wait_for_line(server: ServerProcess, text: str, count: int = 1) -> None:
    """Wait until the log has this text so many times. Fails the test if it does not come."""
    deadline = time.monotonic() + 30
    while server.log_text.count(text) < count:
        assert time.monotonic() < deadline, server.log_text
        time.sleep(0.05)


def test_only_clients_that_stop_reading_are_disconnected(
    server: ServerProcess, upstream: Upstream
) -> None:
    """At once, since each of them takes its time: twelve that stop, one that reads slowly, one that gets nothing."""
    ada = server.client.sign_up("Ada")
    with contextlib.ExitStack() as opened:
        stalled = [opened.enter_context(ask(server, ada, "flood")) for _ in range(12)]
        steady = opened.enter_context(ask(server, ada, "flood"))
        silent = opened.enter_context(ask(server, ada, "pause"))
        assert server.process is not None
        worker = worker_of(server.process.pid)
        before = resident_mb(worker)
        ends = time.monotonic() + 3 * SEND_TIMEOUT
        while time.monotonic() < ends or upstream.open_calls > 2:
            assert time.monotonic() < ends + 30, "clients that do not read are still connected"
            assert steady.recv(4096), "the server disconnected a client that was only slow"
            time.sleep(0.02)
        grown = resident_mb(worker) - before
        assert grown < MAX_GROWTH_MB, f"{grown} MB for clients that do not read"
        said = b""
        while not said.endswith(b"0\r\n\r\n"):
            piece = silent.recv(4096)
            assert piece, "the server disconnected a client that had nothing to read"
            said += piece
        assert b"last " in said and b"[DONE]" in said
        assert upstream.open_calls == 1  # of the slow one
        for connection in stalled:
            assert not read_on(connection).endswith(b"0\r\n\r\n")
    upstream.wait_until_idle()
    assert '"level": "error"' not in server.log_text
    assert ada.get("/api/v1/auths/").status == 200


LARGE = 8_000_000


def test_large_response_that_is_not_read_is_ended(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    form = {"chat": {"title": "x", "a": "y" * LARGE}}
    chat: Any = ada.post("/api/v1/chats/new", form).json
    where = urlsplit(server.url)
    for count, path in enumerate((f"/api/v1/chats/{chat['id']}", "/api/v1/chats/all"), 1):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        with connection:
            connection.connect((where.hostname, where.port))
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ada.token}\r\n\r\n".encode()
            )
            wait_for_line(server, "client stopped reading", count)
            assert len(read_on(connection)) < LARGE
    assert '"level": "error"' not in server.log_text
