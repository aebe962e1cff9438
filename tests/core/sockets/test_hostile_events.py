"""Malformed and many events: an error acknowledgement or the end of this socket, and others do not notice."""

import json
from collections.abc import Callable, Iterator

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.boot import Application
from portico.testing import Client, InProcessApp, SocketClosed, SocketIOClient

EVENTS = (
    "user-join", "heartbeat", "usage", "join-channels", "join-note", "events:channel",
    "ydoc:document:join", "ydoc:document:state", "ydoc:document:update", "ydoc:document:leave",
    "ydoc:awareness:update", "a:b:c", "connect", "disconnect", "*", "", "\x00", "x" * 10_000,
)  # fmt: skip
PAYLOADS = (
    "", ",null", ",[]", ",{}", ',"x"', ",1", ",1e999", ',{"auth":null}', ',{"auth":[]}',
    ',{"auth":{"token":null}}', ',{"auth":{"token":"\\u0000"}}', ',{"model":"\\u0000"}',
    ',{"channel_id":"\\ud800"}', "," + "[" * 200 + "]" * 200, ',{"_placeholder":true,"num":0}',
)  # fmt: skip
#: Packets after which the connection is closed.
FATAL = (
    "4", "45", "451-[\"x\"]", "461-[]", "47", "4x", "9", "x", "", "41", "43[]", "44{}",
    "42" + "1" * 30 + "[]", "b" + "A" * 100,
)  # fmt: skip
#: Packets that are no event, and are ignored.
UNREADABLE = ("42", "42x", "42{}", "42[]", "42[1]", "42[null]", "42[" * 2000, '42["x"', "43999[]")
pytestmark = pytest.mark.case("AB-64")


@pytest.fixture
def other_socket(admin: Client) -> Iterator[SocketIOClient]:
    """A socket of another account, which must not notice anything."""
    with admin.connect_socket() as socket:
        yield socket
        assert socket.call("heartbeat", {}) is None


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_every_event_with_every_payload_is_answered(
    app: InProcessApp, user: Client, other_socket: SocketIOClient, transport: str
) -> None:
    with user.connect_socket(transport=transport) as socket:  # type: ignore[arg-type]
        for event in EVENTS:
            for payload in PAYLOADS:
                socket.engine.send(f"420[{json.dumps(event)}{payload}]")
                frame = socket.engine.receive()
                assert frame.startswith("430["), (event, payload, frame)
                assert frame == "430[]" or "error" in frame
        assert socket.call("user-join", {"auth": {"token": user.token}})["name"] == "Ben"


@pytest.mark.parametrize("packet", FATAL)
def test_packet_that_is_none_closes_the_connection(
    user: Client, other_socket: SocketIOClient, packet: str
) -> None:
    socket = user.connect_socket()
    socket.engine.send(packet)
    socket.wait_until_closed()


def test_binary_frame_closes_the_connection(user: Client, other_socket: SocketIOClient) -> None:
    socket = user.connect_socket()
    socket.engine.socket.send(b"\x04\x00")  # type: ignore[attr-defined]
    socket.wait_until_closed()


def test_unreadable_event_changes_nothing(user: Client, other_socket: SocketIOClient) -> None:
    with user.connect_socket() as socket:
        for packet in UNREADABLE:
            socket.engine.send(packet)
        assert socket.call("heartbeat", {}) is None


def test_packet_beyond_the_limit_closes_the_connection(
    user: Client, other_socket: SocketIOClient
) -> None:
    for text in ("x" * 1_000_001, "ä" * 600_000):
        socket = user.connect_socket()
        socket.engine.send(f'42["heartbeat","{text}"]')
        socket.wait_until_closed()
    socket = user.connect_socket(transport="polling")
    with pytest.raises(SocketClosed) as closed:
        socket.engine.send('42["heartbeat","' + "x" * 1_000_001 + '"]')
    assert closed.value.code == 413


def test_flood_of_events_is_refused(
    env: dict[str, str], complete_schema: Callable[[Application], None]
) -> None:
    app = InProcessApp(env | {"PORTICO_SOCKETS_MAX_EVENTS_PER_SECOND": "1"}, complete_schema)
    try:
        with app.client.sign_up("Ada").connect_socket() as socket:
            answers = [socket.call("heartbeat", {}) for _ in range(20)]
            assert answers[:2] == [None, None]
            assert {"error": "Too many events. Wait a moment."} in answers
            assert app.portico.sockets.counts.since_start.refused > 0
    finally:
        app.close()


def test_other_namespace_is_refused_and_the_default_one_goes_on(user: Client) -> None:
    with user.connect_socket() as socket:
        socket.engine.send("40/admin,{}")
        assert socket.engine.receive() == '44/admin,{"message":"Invalid namespace"}'
        socket.engine.send('42/admin,1["heartbeat",{}]')
        assert socket.call("heartbeat", {}) is None


def test_event_before_connecting_closes_the_connection(user: Client) -> None:
    with user.websocket("/ws/socket.io/?EIO=4&transport=websocket") as socket:
        assert str(socket.receive()).startswith("0{")
        socket.send('42["heartbeat",{}]')
        with pytest.raises(SocketClosed):
            socket.receive()
