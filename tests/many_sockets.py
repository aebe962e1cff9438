"""Thousands of Socket.IO clients in one event loop, for benchmarks: web sockets that only count what arrives.

A client library would use more processor time than the server that is measured. These clients read the frames of a web
socket themselves, answer pings, and decode nothing.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

#: Sockets that connect at the same time.
CONCURRENCY = 50
PATH = "/ws/socket.io/?EIO=4&transport=websocket"


class CountingSocket(asyncio.Protocol):
    """One signed-in socket. `events`, `bytes`: what has arrived. `on_event` is called after each event."""

    def __init__(self, host: str, auth: Any, on_event: Callable[[], None]) -> None:
        self._host, self._auth, self._on_event = host, auth, on_event
        self.events = self.bytes = 0
        loop = asyncio.get_running_loop()
        self.connected: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._buffer = b""
        self._is_upgraded = False

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        transport.write(
            f"GET {PATH} HTTP/1.1\r\nhost: {self._host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n".encode()
        )

    def connection_lost(self, _: Exception | None) -> None:
        if not self.connected.done():
            self.connected.set_exception(ConnectionError(self._buffer[:200]))
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        self._buffer += data
        if not self._is_upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.transport.close()
                return
            self._is_upgraded, self._buffer = True, rest
        while (frame := self._next_frame()) is not None:
            self._read(frame)

    def emit(self, event: str, *payload: Any) -> None:
        """Send an event."""
        self._send("42" + json.dumps([event, *payload]))

    def call(self, event: str, *payload: Any) -> None:
        """Send an event; its acknowledgement is counted as an event."""
        self._send("420" + json.dumps([event, *payload]))

    def close(self) -> None:
        """Close the connection."""
        self.transport.close()

    def _next_frame(self) -> bytes | None:
        """Return the next frame of the server, which is neither masked nor fragmented."""
        held = self._buffer
        if len(held) < 2:
            return None
        size, start = held[1], 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(held[2:start])
        if len(held) < start + size:
            return None
        self._buffer = held[start + size :]
        return held[start : start + size]

    def _read(self, frame: bytes) -> None:
        if frame.startswith((b"42", b"43")):
            self.events += 1
            self._on_event()
        elif frame == b"2":
            self._send("3")
        elif frame.startswith(b"0"):
            self._send("40" + json.dumps(self._auth))
        elif frame.startswith(b"40") and not self.connected.done():
            self.connected.set_result(None)

    def _send(self, text: str) -> None:
        payload = text.encode()
        size = len(payload)
        assert size < 1 << 16
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
        # Masked with zeros, so that the payload stays as it is.
        self.transport.write(b"\x81" + length + b"\0\0\0\0" + payload)


class ManySockets:
    """Clients of one server. `auths`: the data of each connect packet. `events`: arrived at all of them together."""

    def __init__(self, url: str, auths: Sequence[Any]) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname or "", where.port or 80
        self._auths = auths
        self.sockets: list[CountingSocket] = []
        self.events = 0
        self._expected = 0
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._auths)

    async def connect(self) -> None:
        """Connect all of them, some at a time. Raises: ConnectionError if one is refused."""
        limit = asyncio.Semaphore(CONCURRENCY)

        async def one(auth: Any) -> CountingSocket:
            async with limit:
                _, socket = await asyncio.get_running_loop().create_connection(
                    lambda: CountingSocket(f"{self._host}:{self._port}", auth, self._count),
                    self._host,
                    self._port,
                )
                await asyncio.wait_for(socket.connected, 60)
                return socket

        self.sockets = list(await asyncio.gather(*map(one, self._auths)))

    async def wait_for(self, events: int, timeout: float = 120) -> None:
        """Wait until so many events have arrived in all. Raises: TimeoutError."""
        self._expected = events
        self._arrived.clear()
        self._count(0)
        await asyncio.wait_for(self._arrived.wait(), timeout)

    async def close(self) -> None:
        """Close all connections."""
        for socket in self.sockets:
            socket.close()
        await asyncio.gather(*(socket.closed for socket in self.sockets))

    def _count(self, more: int = 1) -> None:
        self.events += more
        if self.events >= self._expected:
            self._arrived.set()
