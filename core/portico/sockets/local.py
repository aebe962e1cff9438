"""The sockets of this process: sends them events, calls them and listens to them."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from portico.errors import InvalidRequest, NotFound
from portico.sockets.connection import NO_SUCH_SOCKET, Connection
from portico.sockets.packets import MalformedPacket, event_packet, first_argument
from portico.sockets.registry import ConnectionRegistry

MALFORMED_ANSWER: Final = "The window has sent a malformed answer."
#: Events of one socket that are listened to at the same time.
MAX_LISTENERS: Final = 64


class Delivery(msgspec.Struct, frozen=True, tag="event", array_like=True):
    """An event to the sockets of an account, or in a room. `text`: the packet. `replaces`: as in `Sockets`."""

    is_room: bool
    target: str
    text: str
    replaces: str


class LocalSockets:
    """The connected sockets of this process."""

    def __init__(self, registry: ConnectionRegistry) -> None:
        self._registry = registry

    def has(self, account_id: str, socket_id: str) -> bool:
        """Return whether this is a socket on which the account is signed in."""
        connection = self._registry.by_id(socket_id)
        return connection is not None and connection.is_owned_by(account_id)

    def receivers(self, *, is_room: bool, target: str) -> Iterable[Connection]:
        """Return the sockets of an account, or in a room."""
        return (self._registry.in_room if is_room else self._registry.of_account)(target)

    def deliver(self, delivery: Delivery) -> None:
        """Send an event."""
        found = self.receivers(is_room=delivery.is_room, target=delivery.target)
        _send(found, delivery.text, delivery.replaces)

    def send_text(self, connection: Connection, text: str) -> None:
        """Send the text of a packet to one socket."""
        _send((connection,), text)

    async def call(
        self, account_id: str, socket_id: str, event: str, data: Any, timeout: float
    ) -> msgspec.Raw:
        """Send an event to a socket and return the JSON text of its acknowledgement.

        Raises: NotFound, TimeoutError; InvalidRequest for an acknowledgement that is not a list in JSON.
        """
        connection = self._own(account_id, socket_id)
        call_id, answer = connection.expect_answer()
        try:
            self.send_text(connection, event_packet(event, data, call_id))
            async with asyncio.timeout(timeout):
                return first_argument(await answer)
        except MalformedPacket:
            raise InvalidRequest(MALFORMED_ANSWER) from None
        finally:
            connection.calls.pop(call_id, None)

    @contextlib.contextmanager
    def listen(
        self, account_id: str, socket_id: str, event: str, handle: Callable[[msgspec.Raw], None]
    ) -> Iterator[None]:
        """Have `handle` take the events of this name that a socket sends while the block runs. Raises: NotFound."""
        connection = self._own(account_id, socket_id)
        if len(connection.listeners) >= MAX_LISTENERS:
            raise NotFound(NO_SUCH_SOCKET)
        connection.listeners[event] = handle
        try:
            yield
        finally:
            if connection.listeners.get(event) is handle:
                del connection.listeners[event]

    def join(self, socket_id: str, room: str) -> None:
        """Add a socket to a room, if it is connected."""
        if (connection := self._registry.by_id(socket_id)) is not None:
            self._registry.join(connection, room)

    def leave(self, socket_id: str, room: str) -> None:
        """Remove a socket from a room."""
        if (connection := self._registry.by_id(socket_id)) is not None:
            self._registry.leave(connection, room)

    def _own(self, account_id: str, socket_id: str) -> Connection:
        connection = self._registry.by_id(socket_id)
        if connection is None or not connection.is_owned_by(account_id):
            raise NotFound(NO_SUCH_SOCKET)
        return connection


def _send(receivers: Iterable[Connection], text: str, replaces: str = "") -> None:
    from portico.sockets.engine import text_message

    message = text_message(text)
    # A copy: a connection that is ended because its queue is full leaves the set.
    for connection in tuple(receivers):
        connection.send(message, replaces)
