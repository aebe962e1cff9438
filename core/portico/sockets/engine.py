"""The Engine.IO server: handshakes, web sockets, long polling and pings are those of the library `engineio`.

Ours are the queues of unsent packets and the check of pings, of which the library runs one timer after the other.
Imported only when serving.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from engineio import AsyncServer
from engineio.exceptions import EngineIOError
from engineio.packet import MESSAGE, NOOP, Packet

from portico.errors import error_location
from portico.settings.sockets import SocketSettings
from portico.sockets.forwarding.forwarded_request import engine_id
from portico.sockets.send_queue import SendQueue

log = structlog.get_logger("portico.sockets")


class EngineServer(AsyncServer):  # type: ignore[misc] # the library has no types
    """The server of one application. `on_open`, `on_text`, `on_closed`: called with the Engine.IO id of a connection.

    `on_open` is given the ASGI scope of the handshake, and `on_text` the text of one message.
    """

    def __init__(
        self,
        settings: SocketSettings,
        instance_id: str,
        on_open: Callable[[str, Mapping[str, Any]], None],
        on_text: Callable[[str, str], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._instance_id = instance_id
        self._pings: dict[str, asyncio.Task[None]] = {}
        self._queue_limits = settings.max_queued_events, settings.max_queued_bytes
        super().__init__(
            async_mode="asgi",
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            max_http_buffer_size=settings.max_payload_bytes,
            allow_upgrades=settings.websocket,
            cors_allowed_origins=[],
            logger=_EngineLog(),
            async_handlers=False,
            monitor_clients=False,
            http_compression=False,
        )
        self.on("connect", lambda key, environ: on_open(key, environ["asgi.scope"]))
        self.on("message", on_text)
        self.on("disconnect", lambda key, _: on_closed(key))

    def generate_id(self) -> str:
        """Return the id of a new connection. Called by the library."""
        return engine_id(self._instance_id, super().generate_id())

    def create_queue(self, *_: Any, **__: Any) -> SendQueue:
        """Return the queue of a new connection. Called by the library."""
        return SendQueue(*self._queue_limits)

    def start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Start a task. Called by the library, with a method of a connection for the timer of its next ping."""
        task = super().start_background_task(target, *args, **kwargs)
        key = getattr(getattr(target, "__self__", None), "sid", "")
        if key in self.sockets:
            self._pings[key] = task
        return task

    def forget(self, key: str) -> None:
        """Give up a connection that has ended. The timer of its next ping would hold it until then."""
        self.sockets.pop(key, None)
        ping = self._pings.pop(key, None)
        if ping is not None and ping is not asyncio.current_task():
            ping.cancel()

    async def receive(self, socket: Any, frames: Sequence[str]) -> None:
        """Handle the frames that one request of a polling client has brought. There may be any number of them."""
        for frame in frames:
            if not socket.closed:
                with suppress(EngineIOError):  # a frame that only web sockets send
                    await socket.receive(Packet(encoded_packet=frame))

    def release_poll(self, key: str) -> None:
        """Have a poll of this connection that waits answered now; the client sends the next one."""
        if (socket := self.sockets.get(key)) is not None:
            socket.queue.put_nowait(Packet(NOOP))

    def silent(self) -> list[str]:
        """Return the ids of the connections whose client has not answered a ping in time."""
        limit = time.time() - self.ping_timeout
        return [key for key, one in self.sockets.items() if one.last_ping and one.last_ping < limit]


def text_message(text: str) -> Any:
    """Return a message that can be put on the queues of several connections; it is encoded once."""
    return Packet(MESSAGE, data=text)


class _EngineLog:
    """The log of the library. Its texts contain what clients send, so only its errors are logged, without texts."""

    def info(self, *_: Any) -> None:
        """Do nothing."""

    warning = error = info

    def exception(self, message: str, *_: Any) -> None:
        """Log the exception that is being handled."""
        import sys

        error = sys.exc_info()[1]
        if error is not None:
            name, at = type(error).__name__, error_location(error)
            log.error("the transport of sockets failed", error=name, at=at)
            log.debug("the transport of sockets failed with this error", exc_info=error)
