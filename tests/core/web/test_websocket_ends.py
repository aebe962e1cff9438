"""Web sockets of plugins end with their client, whatever their handler does, and keep nothing in memory for it."""

import base64
import os
import socket as sockets
import struct
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp, ServerProcess, SocketClosed
from portico.web.auth import websocket_connection
from portico.web.middleware.socket_inbox import MAX_BYTES

SOURCE = """
    import asyncio
    from contextlib import suppress
    from portico.api import PluginInfo, hookimpl
    from portico.api.web import Socket, get, websocket

    PLUGIN = PluginInfo(api_version=1, summary="Has sockets that do not read.")
    EVENTS: list[str] = []
    URL = "/api/x/ends"

    async def sending(socket: Socket, name: str) -> None:
        await socket.accept()
        EVENTS.append(f"{name} began")
        try:
            while True:
                await socket.send_text("x" * 1000)
        finally:
            EVENTS.append(f"{name} ended")

    @websocket(f"{URL}/public", access="public")
    async def public(socket: Socket) -> None:
        await sending(socket, "public")

    @websocket(f"{URL}/user")
    async def user(socket: Socket) -> None:
        await sending(socket, "user")

    @websocket(f"{URL}/tasks", access="public")
    async def tasks(socket: Socket) -> None:
        # As a broadcast does that waits for no client.
        await socket.accept()
        EVENTS.append("tasks began")
        sends = []
        try:
            while True:
                sends.append(asyncio.ensure_future(socket.send_text("x" * 100_000)))
                await asyncio.sleep(0)
        finally:
            EVENTS.append("tasks ended")
            await asyncio.gather(*sends, return_exceptions=True)

    @websocket(f"{URL}/waiting", access="public")
    async def waiting(socket: Socket) -> None:
        await socket.accept()
        await socket.send_text("waiting")
        try:
            await asyncio.Event().wait()
        finally:
            EVENTS.append("waiting ended")

    @websocket(f"{URL}/stubborn", access="public")
    async def stubborn(socket: Socket) -> None:
        await socket.accept()
        try:
            while True:
                with suppress(Exception):
                    await socket.send_text("x")
        finally:
            EVENTS.append("stubborn ended")

    @websocket(f"{URL}/late", access="public")
    async def late(socket: Socket) -> None:
        await socket.accept()
        async for text in socket.iter_data():
            await asyncio.sleep(0)
            EVENTS.append(text)
        EVENTS.append("late ended")

    @websocket(f"{URL}/deaf", access="public")
    async def deaf(socket: Socket) -> None:
        await socket.accept()
        while True:
            await socket.send_text("x" * 1000)
            await asyncio.sleep(0)

    @get(f"{URL}/events", access="public")
    async def events() -> list[str]:
        return EVENTS

    @hookimpl
    def register_routes():
        return [public, user, tasks, waiting, stubborn, late, deaf, events]
"""
URL = "/api/x/ends"
MASK = b"\0\0\0\0"


@pytest.fixture
def env(env: dict[str, str], install: Callable[..., None], tmp_path: Path) -> dict[str, str]:
    install("ends", SOURCE)
    return env | {"PYTHONPATH": str(tmp_path / "site")}


def wait_for(client: Client, event: str) -> list[str]:
    deadline = time.monotonic() + 20
    while event not in (events := client.get(f"{URL}/events").json):
        assert time.monotonic() < deadline, events
        time.sleep(0.02)
    return list(events)


def opened(server: ServerProcess, path: str, token: str | None = None) -> sockets.socket:
    """A web socket whose client reads nothing but the answer to the handshake."""
    address = urlsplit(server.url)
    connection = sockets.socket()
    connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect((address.hostname, address.port))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {URL}/{path} HTTP/1.1", f"host: {address.netloc}", "upgrade: websocket", "connection: Upgrade"]  # fmt: skip
    lines += ["sec-websocket-version: 13", f"sec-websocket-key: {key}"]
    lines += [f"authorization: Bearer {token}"] if token else []
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    assert connection.recv(12) == b"HTTP/1.1 101"
    return connection


def leave(connection: sockets.socket) -> None:
    connection.close()


def reset(connection: sockets.socket) -> None:
    connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def send_close_frame(connection: sockets.socket) -> None:
    connection.sendall(b"\x88\x82" + MASK + b"\x03\xe8")


def send_message(connection: sockets.socket) -> None:
    connection.sendall(b"\x81\x82" + MASK + b"hi")


def test_handlers_that_only_send_end_with_their_client(server: ServerProcess) -> None:
    ada = server.client.sign_up("Ada")
    for path, token in (("public", None), ("user", ada.token)):
        for number, end in enumerate((leave, reset, send_close_frame)):
            connection = opened(server, path, token)
            send_message(connection)  # the handler does not read it
            wait_for(ada, f"{path} began")
            end(connection)
            deadline = time.monotonic() + 20
            while ada.get(f"{URL}/events").json.count(f"{path} ended") <= number:
                assert time.monotonic() < deadline, (path, end)
                time.sleep(0.02)
            connection.close()
    # Tasks that send at the same time, to a client that reads nothing: the socket is closed, long before 30 seconds.
    connection = opened(server, "tasks")
    wait_for(ada, "tasks ended")
    while connection.recv(65536):
        pass
    connection.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_connection, "GONE_SECONDS", 0.05)
    monkeypatch.setattr(websocket_connection, "MAX_UNCONFIRMED_BYTES", 100_000)


@pytest.mark.usefixtures("patient")
def test_handlers_are_cancelled_or_told_after_the_end(app: InProcessApp) -> None:
    client = app.client
    for path in ("waiting", "stubborn"):
        with client.websocket(f"{URL}/{path}") as socket:
            assert socket.receive()
        wait_for(client, f"{path} ended")
    # What was sent before the end is read, however slowly.
    with client.websocket(f"{URL}/late") as socket:
        for number in range(500):
            socket.send(str(number))
    events = wait_for(client, "late ended")
    assert [one for one in events if one.isdigit()] == [str(number) for number in range(500)]
    # Who sends more than the handler reads shows no end, so what is sent to it is limited.
    with client.websocket(f"{URL}/deaf") as socket:
        socket.send("x" * MAX_BYTES)
        count = 0
        with pytest.raises(SocketClosed) as closed:
            while socket.receive():
                count += 1
        assert (closed.value.code, closed.value.reason) == (1008, "The server does not read what this client sends.")  # fmt: skip
        assert count >= 100
