"""The messages of one web socket between the server and the Engine.IO library, which can be ended at any time."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from litestar.types import Receive, Send

#: Frames of Engine.IO that a client may send: close, ping (the probe), pong, a message of Socket.IO, upgrade, nothing.
#: The library would read other messages as JSON, and fail at some of them.
_FRAME: Final = re.compile(r"1\Z|2(?:probe)?\Z|3(?:probe)?\Z|4[0-4]|5\Z|6\Z")
_DISCONNECT: Final[Any] = {"type": "websocket.disconnect", "code": 1000}


def is_valid_frame(text: str, max_bytes: int) -> bool:
    """Return whether a text is a frame that the server takes, not longer than this many bytes in UTF-8."""
    if len(text) > max_bytes or not _FRAME.match(text):
        return False
    return text.isascii() or len(text.encode("utf-8", "replace")) <= max_bytes


class WebSocketChannel:
    """`receive` and `send` of one web socket. An invalid frame, or a client that stops reading, ends it.

    `end` makes the library believe that the client has disconnected, whatever it is waiting for.
    """

    def __init__(self, receive: Receive, send: Send, max_bytes: int) -> None:
        self._receive, self._send, self._max_bytes = receive, send, max_bytes
        self._receiver: asyncio.Task[Any] | None = None
        self._sender: asyncio.Task[Any] | None = None
        #: The Engine.IO id of the connection.
        self.key = ""
        self.is_over = False
        #: Whether the library has closed the web socket.
        self.is_closed = False

    def end(self, *, at_once: bool = False) -> None:
        """Stop receiving; the library sends what is queued and closes the web socket. `at_once`: stop sending too."""
        self.is_over = True
        for task in (self._receiver, self._sender if at_once else None):
            if task is not None:
                task.cancel()

    async def receive(self) -> Any:
        """Return the next frame, or a disconnect. Called by the library."""
        if self.is_over:
            return _DISCONNECT
        self._receiver = task = asyncio.current_task()
        try:
            message: Any = await self._receive()
        except asyncio.CancelledError:
            if not self.is_over or task is None:
                raise
            task.uncancel()
            return _DISCONNECT
        finally:
            self._receiver = None
        if message["type"] != "websocket.receive":
            return message
        text = message.get("text")
        if text is None or not is_valid_frame(text, self._max_bytes):
            self.is_over = True
            return _DISCONNECT
        return message

    async def send(self, message: Any) -> None:
        """Send a message. Called by the library, which stops sending if this raises."""
        if message["type"] == "websocket.close":
            if self.is_closed:
                return
            self.is_closed = True
        self._sender = asyncio.current_task()
        try:
            await self._send(message)
        except BaseException:
            self.end()  # the client does not read, or has disconnected
            raise
        finally:
            self._sender = None
