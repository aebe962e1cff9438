"""The Socket.IO server of one application: sends events to accounts and rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from portico.identity import Identity
from portico.settings.schema import CoreSettings
from portico.sockets.connection import Connection
from portico.sockets.counters import SocketCounters
from portico.sockets.dispatcher import PacketDispatcher, RunHandler
from portico.sockets.endpoint import SocketEndpoint
from portico.sockets.events import RegisteredEvent
from portico.sockets.packets import event_packet
from portico.sockets.registry import ConnectionRegistry
from portico.sockets.sign_in import SocketSignIn
from portico.web.drain import Drain
from portico.web.middleware.origins import Origins

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

log = structlog.get_logger("portico.sockets")


class Sockets:
    """Sends events to the sockets of accounts and rooms, and serves `/ws/socket.io` as an ASGI application."""

    def __init__(
        self,
        settings: CoreSettings,
        identity: Identity,
        origins: Origins,
        drain: Drain,
        run_handler: RunHandler,
    ) -> None:
        self.counters = SocketCounters()
        self._dispatcher = PacketDispatcher(
            settings.sockets, settings.server.max_json_depth, self.counters, run_handler
        )
        self._registry = ConnectionRegistry(
            settings.sockets, drain, self.counters, self._dispatcher.receive
        )
        self._dispatcher.bind(
            self._registry, SocketSignIn(identity, self._registry), self._send_text
        )
        self._endpoint = SocketEndpoint(settings.sockets, origins, self._registry)

    def start(self, events: Sequence[RegisteredEvent] = ()) -> None:
        """Begin to take connections. `events`: what plugins handle. Needs a running event loop."""
        self._dispatcher.set_events(events)
        self._registry.start()

    async def stop(self) -> None:
        """End all connections."""
        await self._registry.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or web socket at `/ws/socket.io`. Raises: DomainError where it is refused."""
        await self._endpoint(scope, receive, send)

    def emit_to_account(
        self, account_id: str, event: str, data: Any, *, replaces: str = ""
    ) -> None:
        """Send an event to all sockets of an account.

        Never waits and never raises; the order is kept per socket. `data`: what msgspec encodes; a `msgspec.Raw` is sent as
        it is. `replaces`: a key; a socket that reads slowly skips an event that a later one with the same key follows.
        """
        self._emit(self._registry.of_account(account_id), event, data, replaces)

    def emit_to_room(self, room: str, event: str, data: Any, *, replaces: str = "") -> None:
        """Send an event to all sockets in a room, as `emit_to_account`. Names of rooms begin with `<plugin>:`."""
        self._emit(self._registry.in_room(room), event, data, replaces)

    def is_connected(self, account_id: str, socket_id: str) -> bool:
        """Return whether this is a socket on which the account is signed in."""
        connection = self._registry.by_id(socket_id)
        signed_in = connection.signed_in if connection is not None else None
        return signed_in is not None and signed_in.account_id == account_id

    def join(self, socket_id: str, room: str) -> None:
        """Add a socket of this process to a room. Does nothing if it has ended."""
        if (connection := self._registry.by_id(socket_id)) is not None:
            self._registry.join(connection, room)

    def leave(self, socket_id: str, room: str) -> None:
        """Remove a socket of this process from a room."""
        if (connection := self._registry.by_id(socket_id)) is not None:
            self._registry.leave(connection, room)

    def _emit(self, receivers: Iterable[Connection], event: str, data: Any, replaces: str) -> None:
        receivers = list(receivers)
        if not receivers:
            return
        try:
            text = event_packet(event, data)
        except Exception as error:  # noqa: BLE001 - a value without a JSON form must not end what caused the event
            log.warning("socket event not encoded", event=event, error=type(error).__name__)
            return
        self._deliver(receivers, text, replaces)

    def _deliver(self, receivers: Iterable[Connection], text: str, replaces: str) -> None:
        from portico.sockets.engine import text_message

        message = text_message(text)
        for connection in receivers:
            connection.send(message, replaces)

    def _send_text(self, connection: Connection, text: str) -> None:
        self._deliver((connection,), text, "")
