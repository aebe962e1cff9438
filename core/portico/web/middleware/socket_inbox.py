"""`receive` of a web socket: reads ahead of the handler, since only reading shows that the client is gone.

The server takes what is sent to a client that is gone, and keeps it in memory, as long as nothing reads from the socket.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from litestar.types import Receive

#: What is read ahead. Beyond that the client has to wait until the handler reads.
MAX_MESSAGES: Final = 4096
MAX_BYTES: Final = 1024 * 1024
#: The connection ended without a close frame. Source: RFC 6455, 7.4.1.
ABNORMAL_CLOSURE: Final = 1006


class SocketInbox:
    """What a client has sent and the handler has not read. `on_gone` is called once, when the client is gone."""

    def __init__(self, receive: Receive, on_gone: Callable[[], None]) -> None:
        self._receive, self._on_gone = receive, on_gone
        self._messages: deque[Any] = deque()
        self._bytes = 0
        self._arrived, self._has_room = asyncio.Event(), asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._is_over = False
        #: Loop time at which the handler last asked for a message.
        self.last_read = 0.0

    @property
    def is_full(self) -> bool:
        """Whether the client has to wait, so nothing would show that it is gone."""
        return len(self._messages) >= MAX_MESSAGES or self._bytes >= MAX_BYTES

    def start(self) -> None:
        """Begin to read ahead, once the handshake is complete."""
        self._reader = asyncio.create_task(self._read_ahead())

    async def stop(self) -> None:
        """Stop reading: the server sends no close frame while a read is pending."""
        self._end()
        if self._reader is not None and not self._reader.done():
            self._reader.cancel()
            await asyncio.wait({self._reader})

    async def receive(self) -> Any:
        """Return the next message. Called by the handler. After the last one, always the disconnect."""
        self.last_read = asyncio.get_running_loop().time()
        if self._reader is None:
            return await self._receive()  # the handshake
        while not self._messages:
            if self._is_over:
                return {"type": "websocket.disconnect", "code": ABNORMAL_CLOSURE}
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages[0]
        if message["type"] != "websocket.disconnect":
            self._messages.popleft()
            self._bytes -= _size(message)
            self._has_room.set()
        return message

    async def _read_ahead(self) -> None:
        try:
            while (message := await self._receive())["type"] != "websocket.disconnect":
                self._messages.append(message)
                self._bytes += _size(message)
                self._arrived.set()
                while self.is_full:
                    self._has_room.clear()
                    await self._has_room.wait()
            self._messages.append(message)
        finally:
            self._end()
        self._on_gone()

    def _end(self) -> None:
        self._is_over = True
        self._arrived.set()


def _size(message: Any) -> int:
    return len(message.get("bytes") or b"") + len(message.get("text") or "")
