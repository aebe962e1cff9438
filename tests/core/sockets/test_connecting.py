"""Connections of Socket.IO: handshakes, signing in and what an anonymous socket may do, over both transports."""

from typing import Any, Literal

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import Client, InProcessApp, SocketClosed

INVALID_AUTHS: list[Any] = [
    None, {}, [], ["token"], "x", {"token": None}, {"token": 1}, {"token": "sk-123"}, {"token": "e.y.x"},
]  # fmt: skip
Transport = Literal["websocket", "polling"]
pytestmark = pytest.mark.parametrize("transport", ["websocket", "polling"])


def test_connect_with_a_token_signs_the_account_in(
    app: InProcessApp, user: Client, transport: Transport
) -> None:
    with user.connect_socket(transport=transport) as socket:
        app.run(_emit, app, user.account["id"], {"a": 1})
        assert socket.wait_for("events") == {"a": 1}


def test_user_join_signs_the_account_in_and_answers_id_and_name(
    app: InProcessApp, user: Client, transport: Transport
) -> None:
    with user.connect_socket(None, transport=transport) as socket:
        answer = socket.call("user-join", {"auth": {"token": user.token}})
        assert answer == {"id": user.account["id"], "name": "Ben"}
        app.run(_emit, app, user.account["id"], {"a": 1})
        assert socket.wait_for("events") == {"a": 1}


@pytest.mark.case("AB-63")
def test_socket_without_a_valid_token_is_in_no_room_and_hears_nothing(
    app: InProcessApp, user: Client, transport: Transport
) -> None:
    for auth in INVALID_AUTHS:
        with user.connect_socket(auth, transport=transport) as socket:
            app.run(_emit, app, user.account["id"], {"a": 1})
            assert socket.call("heartbeat", {}) == {"error": "Not authenticated"}
            assert socket.call("user-join", {"auth": {"token": "x"}})["error"]
            assert socket.events() == []


def test_events_to_an_account_arrive_in_their_order(
    app: InProcessApp, user: Client, transport: Transport
) -> None:
    with user.connect_socket(transport=transport) as socket:
        for number in range(100):
            app.run(_emit, app, user.account["id"], number)
        assert [socket.wait_for("events") for _ in range(100)] == list(range(100))


async def _emit(app: InProcessApp, account_id: str, data: Any) -> None:
    app.portico.sockets.emit_to_account(account_id, "events", data)


@pytest.mark.case("AB-05")
def test_sign_out_closes_the_socket(user: Client, transport: Transport) -> None:
    socket = user.connect_socket(transport=transport)
    assert user.get("/api/v1/auths/signout").status == 200
    assert isinstance(socket.wait_until_closed(), SocketClosed)
