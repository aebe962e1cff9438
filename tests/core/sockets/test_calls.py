"""Calls of one socket with an answer, and listening to its events for the time of one request."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.errors import InvalidRequest, NotFound
from portico.testing import Client, InProcessApp, SocketIOClient


def start_call(app: InProcessApp, account: Client, socket_id: str, **options: Any) -> Future[Any]:
    """Begin a call on the application's loop, as a request would."""

    async def call() -> Any:
        return await app.portico.sockets.call(
            account.account["id"], socket_id, "events", {"n": 1}, **options
        )

    return app.start(call)


def answer(socket: SocketIOClient, *arguments: Any) -> None:
    payload, ack_id = socket.wait_for_call("events")
    assert payload == {"n": 1}
    assert ack_id is not None
    socket.answer(ack_id, *arguments)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_call_returns_the_answer_of_the_socket(
    app: InProcessApp, user: Client, transport: Any
) -> None:
    with user.connect_socket(transport=transport) as socket, user.connect_socket() as other:
        for value in ({"stdout": "1"}, None, False, [1], "x"):
            call = start_call(app, user, socket.id)
            answer(socket, value)
            assert call.result(10) == value
        call = start_call(app, user, socket.id)
        answer(socket)
        assert call.result(10) is None
        assert other.events() == []


@pytest.mark.case("AB-54")
def test_call_of_another_accounts_socket_is_refused_and_sends_nothing(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    with user.connect_socket() as socket, user.connect_socket(None) as anonymous:
        for socket_id in (socket.id, anonymous.id, "unknown", "", "\x00"):
            with pytest.raises(NotFound):
                start_call(app, admin, socket_id).result(10)
            assert not app.portico.sockets.is_connected(admin.account["id"], socket_id)
        assert app.portico.sockets.is_connected(user.account["id"], socket.id)
        assert socket.events() == []


def test_call_without_an_answer_times_out_and_a_late_answer_is_ignored(
    app: InProcessApp, user: Client
) -> None:
    with user.connect_socket() as socket:
        with pytest.raises(TimeoutError):
            start_call(app, user, socket.id, timeout=0.05).result(10)
        answer(socket, 1)
        assert socket.call("heartbeat", {}) is None


def test_call_ends_when_its_socket_ends(app: InProcessApp, user: Client) -> None:
    socket = user.connect_socket()
    call = start_call(app, user, socket.id)
    socket.wait_for_call("events")
    socket.close()
    with pytest.raises(NotFound):
        call.result(10)


@pytest.mark.case("AB-64")
@pytest.mark.parametrize("text", ["", "x", "{}", "[" * 3000, '["x"'])
def test_malformed_answer_fails_the_call(app: InProcessApp, user: Client, text: str) -> None:
    with user.connect_socket() as socket:
        call = start_call(app, user, socket.id)
        _, ack_id = socket.wait_for_call("events")
        socket.engine.send(f"43{ack_id}{text}")
        with pytest.raises(InvalidRequest):
            call.result(10)
        assert socket.call("heartbeat", {}) is None


def test_listener_hears_the_events_of_its_socket_in_order_while_it_listens(
    app: InProcessApp, user: Client
) -> None:
    heard: list[Any] = []

    def hear(payload: msgspec.Raw) -> None:
        heard.append(msgspec.json.decode(payload))

    async def listen(work: Callable[[], None]) -> None:
        async with app.portico.sockets.listen(user.account["id"], socket.id, "u:s:r", hear):
            await asyncio.to_thread(work)

    with user.connect_socket() as socket, user.connect_socket() as other:

        def send() -> None:
            assert other.call("u:s:r", "foreign") == {"error": "There is no such event."}
            for number in range(20):
                socket.emit("u:s:r", number)
            socket.call("heartbeat", {})

        app.run(listen, send)
        assert heard == list(range(20))
        assert socket.call("u:s:r", 1) == {"error": "There is no such event."}


def test_listening_to_another_accounts_socket_is_refused(
    app: InProcessApp, admin: Client, user: Client
) -> None:
    async def listen() -> None:
        listening = app.portico.sockets.listen(admin.account["id"], socket.id, "u:s:r", print)
        async with listening:
            pass

    with user.connect_socket() as socket, pytest.raises(NotFound):
        app.run(listen)
