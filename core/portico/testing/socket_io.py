"""A Socket.IO client for tests: Engine.IO 4 over a web socket or by polling, in this process or over a port.

with user.connect_socket() as socket:
    assert socket.call("user-join", {"auth": {"token": user.token}})["name"] == "Ben"
    assert socket.wait_for("events")["chat_id"] == "1"
"""

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from portico.testing.websockets import Socket, SocketClosed

if TYPE_CHECKING:
    from portico.testing.client import Client

PATH = "/ws/socket.io/?EIO=4&transport="
_PACKET = re.compile(r"([0-6])([0-9]*)(.*)", re.DOTALL)


class ConnectRefused(Exception):
    """The server has answered the connect packet with an error. `answer`: its data."""

    def __init__(self, answer: Any) -> None:
        super().__init__(str(answer))
        self.answer = answer


class Engine(Protocol):
    """The transport of Engine.IO."""

    def send(self, frame: str) -> None:
        """Send one frame."""
        ...

    def receive(self) -> str:
        """Wait for one frame. Raises: SocketClosed."""
        ...

    def close(self) -> None:
        """Close the transport."""
        ...


class WebSocketEngine:
    """Engine.IO over a web socket. Raises: HandshakeRefused."""

    def __init__(self, client: "Client", headers: Mapping[str, str]) -> None:
        self.socket: Socket = client.transport.connect(PATH + "websocket", list(headers.items()))

    def send(self, frame: str) -> None:
        """Send one frame."""
        self.socket.send(frame)

    def receive(self) -> str:
        """Wait for one frame. Raises: SocketClosed."""
        return str(self.socket.receive())

    def close(self) -> None:
        """Close the transport."""
        self.socket.close()


class PollingEngine:
    """Engine.IO by long polling. Raises: SocketClosed if the server refuses it."""

    def __init__(self, client: "Client", headers: Mapping[str, str]) -> None:
        self._client, self._headers = client, list(headers.items())
        self._url = PATH + "polling"
        self._frames: deque[str] = deque()
        self._frames.appendleft(self.receive())
        self._url += "&sid=" + json.loads(self._frames[0][1:])["sid"]

    def send(self, frame: str) -> None:
        """Send one frame. Raises: SocketClosed."""
        self._request("POST", frame.encode())

    def receive(self) -> str:
        """Wait for one frame. Raises: SocketClosed."""
        if not self._frames:
            self._frames.extend(self._request("GET", b"").split("\x1e"))
        return self._frames.popleft()

    def close(self) -> None:
        """Close the transport."""
        try:
            self.send("1")
        except SocketClosed:
            return

    def _request(self, method: str, body: bytes) -> str:
        try:
            answer = self._client.transport(method, self._url, self._headers, body)
        except ConnectionError as error:  # as a web socket whose connection ends
            raise SocketClosed(1006, str(error)) from error
        if answer.status != 200:
            raise SocketClosed(answer.status, answer.body.decode())
        return answer.body.decode()


class SocketIOClient:
    """A Socket.IO client, connected. `id`: of the socket, as requests name it in `session_id`.

    Use it in a `with` block. It answers the pings of the server while it waits. Raises: HandshakeRefused, SocketClosed,
    ConnectRefused.
    """

    def __init__(self, engine: Engine, auth: Any = None) -> None:
        self.engine = engine
        self.handshake: dict[str, Any] = json.loads(self._frame("0"))
        self._events: deque[tuple[str, list[Any], int | None]] = deque()
        self._acks: dict[int, list[Any]] = {}
        self._last_id = -1
        engine.send("40" + ("" if auth is None else json.dumps(auth)))
        kind, _, data = self._packet()
        if kind != "0":
            raise ConnectRefused(data)
        self.id: str = data["sid"]

    def emit(self, event: str, *payload: Any) -> None:
        """Send an event without asking for an acknowledgement."""
        self.engine.send("42" + json.dumps([event, *payload]))

    def call(self, event: str, *payload: Any) -> Any:
        """Send an event, and wait for the acknowledgement. Returns its first argument, or None. Raises: SocketClosed."""
        self._last_id += 1
        self.engine.send(f"42{self._last_id}" + json.dumps([event, *payload]))
        while self._last_id not in self._acks:
            self._receive()
        answer = self._acks.pop(self._last_id)
        return answer[0] if answer else None

    def wait_for(self, event: str, matches: Callable[[Any], bool] = lambda _: True) -> Any:
        """Wait for an event for which `matches(payload)` is true; others of that name are dropped. Raises: SocketClosed."""
        return self.wait_for_call(event, matches)[0]

    def wait_for_call(
        self, event: str, matches: Callable[[Any], bool] = lambda _: True
    ) -> tuple[Any, int | None]:
        """As `wait_for`, with the id of the acknowledgement that the server wants; answer it with `answer`."""
        while True:
            for found in list(self._events):
                if found[0] == event:
                    self._events.remove(found)
                    payload = found[1][0] if found[1] else None
                    if matches(payload):
                        return payload, found[2]
            self._receive()

    def answer(self, ack_id: int, *arguments: Any) -> None:
        """Acknowledge an event of the server."""
        self.engine.send(f"43{ack_id}" + json.dumps(arguments))

    @property
    def received(self) -> list[tuple[str, Any]]:
        """The events that were read and not waited for, each with its payload."""
        return [(name, payload[0] if payload else None) for name, payload, _ in self._events]

    def events(self) -> list[tuple[str, Any]]:
        """Return the events that have arrived before an answer to a heartbeat, each with its payload, and drop them."""
        self.call("heartbeat", {})
        found = self.received
        self._events.clear()
        return found

    def wait_until_closed(self) -> SocketClosed:
        """Wait until the server closes the connection. Returns how it did."""
        while True:
            try:
                self._receive()
            except SocketClosed as closed:
                return closed

    def close(self) -> None:
        """Close the connection."""
        self.engine.close()

    def _receive(self) -> None:
        kind, ack_id, data = self._packet()
        if kind == "2":
            self._events.append((data[0], data[1:], ack_id))
        elif kind == "3" and ack_id is not None:
            self._acks[ack_id] = data
        elif kind == "4":
            raise ConnectRefused(data)

    def _packet(self) -> tuple[str, int | None, Any]:
        found = _PACKET.fullmatch(self._frame("4"))
        assert found is not None
        kind, ack_id, data = found.groups()
        return kind, int(ack_id) if ack_id else None, json.loads(data) if data else None

    def _frame(self, kind: Literal["0", "4"]) -> str:
        """Wait for a frame of this kind and return its text. Answers pings."""
        while True:
            frame = self.engine.receive()
            if frame[:1] == kind:
                return frame[1:]
            if frame == "2":
                self.engine.send("3")
            elif frame == "1":
                raise SocketClosed(1000, "the server has closed the transport")

    def __enter__(self) -> "SocketIOClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
