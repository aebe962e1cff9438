"""One connection of a client: its transport, the account that is signed in on it, and what waits to be handled."""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from portico.errors import NotFound
from portico.sockets.packets import Packet
from portico.sockets.websocket_channel import WebSocketChannel

#: Packets that may wait until the handlers of earlier ones have ended.
MAX_WAITING_PACKETS: Final = 64
NO_SUCH_SOCKET: Final = "This window is not connected any more."
#: Random bytes of the id of a socket.
_ID_BYTES: Final = 15


class SignedIn(NamedTuple):
    """The account and the session of a socket. The rights of the account are read again for each event."""

    account_id: str
    session_id: str
    token: str


class Connection:
    """One connection, from the handshake to its end.

    `key`: the Engine.IO id, which only this client knows. `id`: the id of the Socket.IO socket, which other requests of
    the client name as `session_id`. `handshake`: the ASGI scope of the handshake, without what keeps the request in memory.
    """

    __slots__ = (
        "_last_call", "_worker", "address", "allowance", "allowance_at", "calls", "channel", "engine",
        "handshake", "id", "is_connected", "is_over", "key", "listeners", "on_end", "opened_at", "rooms",
        "signed_in", "waiting",
    )  # fmt: skip

    def __init__(
        self,
        key: str,
        engine: Any,
        handshake: Mapping[str, Any],
        channel: WebSocketChannel | None,
        opened_at: int,
    ) -> None:
        self.key, self.engine, self.handshake, self.channel = key, engine, handshake, channel
        self.id = secrets.token_urlsafe(_ID_BYTES)
        self.opened_at = opened_at
        self.address = ""
        #: Whether the client has sent a connect packet for the default namespace.
        self.is_connected = False
        self.is_over = False
        self.signed_in: SignedIn | None = None
        self.rooms: set[str] = set()
        #: Closed when the connection ends: the timer of the sign-in, the tracking of the session.
        self.on_end = contextlib.ExitStack()
        #: The answers that are awaited from the client, by the id of the acknowledgement.
        self.calls: dict[int, asyncio.Future[str]] = {}
        self._last_call = 0
        #: Who takes further events of this socket, by name: those of one request, such as the lines of a stream.
        self.listeners: dict[str, Callable[[msgspec.Raw], None]] = {}
        self.allowance = self.allowance_at = 0.0
        self.waiting: deque[Packet] = deque()
        self._worker: asyncio.Task[None] | None = None

    def send(self, message: Any, replaces: str = "") -> None:
        """Put a message on the queue. With the same `replaces`, it takes the place of one that is not sent yet."""
        if not self.is_over:
            self.engine.queue.put_nowait(message, replaces)

    def handle_later(self, packet: Packet, handle: Callable[[Packet], Awaitable[None]]) -> bool:
        """Handle a packet after those that came before it. Return False if too many are waiting."""
        if len(self.waiting) >= MAX_WAITING_PACKETS:
            return False
        self.waiting.append(packet)
        if self._worker is None:
            self._worker = asyncio.create_task(self._handle_waiting(handle))
        return True

    async def _handle_waiting(self, handle: Callable[[Packet], Awaitable[None]]) -> None:
        try:
            while self.waiting and not self.is_over:
                await handle(self.waiting.popleft())
        finally:
            self._worker = None

    def may_send(self, per_second: int, now: float) -> bool:
        """Count an event of the client. Return False if it has sent too many. Units: `now` in seconds."""
        allowed = self.allowance + (now - self.allowance_at) * per_second
        self.allowance_at = now
        # A burst may take what two seconds allow.
        self.allowance = min(allowed, 2.0 * per_second) - 1
        if self.allowance >= 0:
            return True
        self.allowance += 1
        return False

    def is_owned_by(self, account_id: str) -> bool:
        """Return whether this account is signed in on the socket."""
        return self.signed_in is not None and self.signed_in.account_id == account_id

    def expect_answer(self) -> tuple[int, "asyncio.Future[str]"]:
        """Return the id of a further acknowledgement, and a future with the JSON text of its arguments.

        The future raises NotFound if the connection ends. The caller removes it from `calls` when it waits no longer.
        """
        self._last_call += 1
        answer = asyncio.get_running_loop().create_future()
        self.calls[self._last_call] = answer
        return self._last_call, answer

    def end(self, *, flush: bool) -> None:
        """End the transport. `flush`: send what is queued first.

        The client is not told, since a library that is told to disconnect does not connect again by itself.
        """
        self.release()
        queue = self.engine.queue
        if not flush:
            queue.clear()
        if self.channel is not None:
            self.channel.end(at_once=not flush)
        if not self.engine.upgraded:
            self.engine.closing = self.engine.closed = True
            queue.close()

    def release(self) -> None:
        """Give up what the connection holds. Called once or more when it ends."""
        self.is_over = True
        self.on_end.close()
        self.waiting.clear()
        for answer in self.calls.values():
            if not answer.done():
                answer.set_exception(NotFound(NO_SUCH_SOCKET))
        self.calls.clear()
        self.listeners.clear()
