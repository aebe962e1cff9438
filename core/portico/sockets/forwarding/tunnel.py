"""A tunnel: the ASGI messages of one forwarded request, in both directions, on a connection of its own.

Between processes of one machine it is a Unix socket, between machines a web socket. Both ends wait until the other has
read, so a client that reads slowly slows down its owner.
"""

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

if TYPE_CHECKING:
    import aiohttp
    from litestar.types import Receive, Send

#: Bytes of one message. The messages of clients are limited more strictly (`sockets.max_payload_bytes`).
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
#: Sent to the owner instead of a message: answer a waiting poll now, since the sender stops.
RELEASE: Final = b""
_LENGTH: Final = struct.Struct(">I")


class Tunnel(Protocol):
    """One end of a tunnel."""

    async def send(self, data: bytes) -> None:
        """Send some bytes. Raises: TunnelClosed."""
        ...

    async def receive(self) -> bytes | None:
        """Return what the other end has sent; None if the tunnel has ended."""
        ...

    async def close(self) -> None:
        """Close the tunnel."""
        ...


class TunnelClosed(Exception):
    """The other end has closed the tunnel, or died."""


class UnixTunnel:
    """A tunnel on a Unix socket: each message is preceded by its length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Send some bytes. Raises: TunnelClosed."""
        try:
            self._writer.write(_LENGTH.pack(len(data)) + data)
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise TunnelClosed from error

    async def receive(self, max_bytes: int = MAX_MESSAGE_BYTES) -> bytes | None:
        """Return what the other end has sent; None if the tunnel has ended, or it is longer than this."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > max_bytes:
                return None
            return await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            return None

    async def close(self) -> None:
        """Close the tunnel."""
        self._writer.close()


async def open_unix_tunnel(path: str, sealed: str) -> UnixTunnel:
    """Return a tunnel for a signed request to the instance that listens at this path. Raises: OSError, TunnelClosed."""
    tunnel = UnixTunnel(*await asyncio.open_unix_connection(path))
    await tunnel.send(sealed.encode())
    return tunnel


class ClientTunnel:
    """A tunnel on a web socket that this instance has opened."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse") -> None:
        self._socket = socket

    async def send(self, data: bytes) -> None:
        """Send some bytes. Raises: TunnelClosed."""
        try:
            await self._socket.send_bytes(data)
        except (
            OSError,
            RuntimeError,
        ) as error:  # aiohttp's ClientError for a closed connection is an OSError
            raise TunnelClosed from error

    async def receive(self) -> bytes | None:
        """Return what the other end has sent; None if the tunnel has ended."""
        message = await self._socket.receive()
        return message.data if isinstance(message.data, bytes) else None

    async def close(self) -> None:
        """Close the tunnel."""
        with contextlib.suppress(OSError):
            await self._socket.close()


class ServerTunnel:
    """A tunnel on a web socket that another instance has opened."""

    def __init__(self, receive: "Receive", send: "Send") -> None:
        self._receive, self._send = receive, send
        self._is_over = False

    async def accept(self) -> None:
        """Open the tunnel."""
        await self._receive()
        await self._send({"type": "websocket.accept", "subprotocol": None, "headers": []})

    async def send(self, data: bytes) -> None:
        """Send some bytes. Raises: TunnelClosed."""
        if self._is_over:
            raise TunnelClosed
        try:
            await self._send({"type": "websocket.send", "bytes": data, "text": None})
        except Exception as error:  # which one depends on the server
            raise TunnelClosed from error

    async def receive(self) -> bytes | None:
        """Return what the other end has sent; None if the tunnel has ended."""
        if self._is_over:
            return None
        message: Any = await self._receive()
        if message["type"] != "websocket.receive":
            self._is_over = True
            return None
        data: bytes | None = message.get("bytes")
        return data

    async def close(self) -> None:
        """Close the tunnel."""
        if not self._is_over:
            self._is_over = True
            with contextlib.suppress(Exception):  # it has ended already
                await self._send({"type": "websocket.close", "code": 1000, "reason": ""})


def encode_message(message: Any) -> bytes:
    """Return an ASGI message as bytes."""
    return msgspec.msgpack.encode(message)


def decode_message(data: bytes) -> Any:
    """Return the ASGI message in some bytes. Raises: TunnelClosed if there is none."""
    try:
        message = msgspec.msgpack.decode(data)
        if "headers" in message:
            message["headers"] = [tuple(pair) for pair in message["headers"]]
        assert isinstance(message["type"], str)
    except (msgspec.MsgspecError, TypeError, KeyError, AssertionError) as error:
        raise TunnelClosed from error
    return message
