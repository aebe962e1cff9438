"""Handles the packets of clients: connecting, events and acknowledgements."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
import structlog

from portico.audit import acting_as
from portico.errors import (
    DomainError,
    Forbidden,
    InvalidRequest,
    Unauthenticated,
    error_location,
)
from portico.settings.schema import CoreSettings
from portico.sockets.connection import Connection
from portico.sockets.counters import SocketCounters
from portico.sockets.events import (
    HEARTBEAT,
    USER_JOIN,
    ConnectedSocket,
    RegisteredEvent,
    SocketEvent,
)
from portico.sockets.packets import (
    ARGUMENTS,
    NULL,
    MalformedPacket,
    Packet,
    PacketType,
    ack_packet,
    connect_error_packet,
    connect_packet,
    parse_packet,
)
from portico.sockets.registry import TOO_MANY_SOCKETS, ConnectionRegistry
from portico.sockets.sign_in import ConnectAuth, SocketSignIn, UserJoin
from portico.time_limit import LimitExceeded
from portico.tracing import Tracing, current_trace
from portico.web.request.body_scanner import BodyScanner

log = structlog.get_logger("portico.sockets")

#: Events of the client contract that plugins may add. Until one does, clients are told that they are not available.
_OPTIONAL: Final = ("join-channels", "join-note", "events:channel")
_OPTIONAL_PREFIX: Final = "ydoc:"
NOT_AVAILABLE: Final = "Not available"
UNKNOWN_EVENT: Final = "There is no such event."
MALFORMED_EVENT: Final = "The event is malformed. Send a name and one payload."
TOO_MANY_EVENTS: Final = "Too many events. Wait a moment."
TOOK_TOO_LONG: Final = "The event took too long."
FAILED: Final = "Internal Server Error"
#: Values in the payload of one event, at all levels together.
_MAX_VALUES: Final = 100_000

#: Calls the handler of a plugin. An exception that is no DomainError is logged with the plugin's name, and raised.
RunHandler = Callable[[str, str, Callable[[], Awaitable[Any]], float], Awaitable[Any]]


class HandlerFailed(Exception):
    """The handler of a plugin has raised an exception, which is logged."""


class PacketDispatcher:
    """Handles packets in the order in which each connection sends them."""

    def __init__(
        self,
        settings: CoreSettings,
        counters: SocketCounters,
        run_handler: RunHandler,
    ) -> None:
        self._settings, self._counters = settings.sockets, counters
        self._max_depth = settings.server.max_json_depth
        self._run_handler = run_handler
        self._events: dict[str, RegisteredEvent] = {}
        #: Set by an application that records traces.
        self.tracing = Tracing()

    def bind(
        self,
        registry: ConnectionRegistry,
        sign_in: SocketSignIn,
        send: Callable[[Connection, str], None],
    ) -> None:
        """Set what the dispatcher works with. `send`: sends the text of a packet."""
        self._registry, self._sign_in, self._send = registry, sign_in, send

    def set_events(self, events: Sequence[RegisteredEvent]) -> None:
        """Set the events that clients may send, beside `user-join` and `heartbeat`."""
        self._events = {one.event.name: one for one in events}

    def receive(self, connection: Connection, text: str) -> None:
        """Take one packet of a client. Called by the transport; does not wait for handlers, and does not raise."""
        try:
            packet = parse_packet(text)
        except MalformedPacket:
            self._registry.end(connection, flush=False)
            return
        if (active := current_trace()) is not None:
            packet = packet._replace(traceparent=active.traceparent)
        if packet.namespace != "/" and packet.type is not PacketType.CONNECT:
            return  # of a connection that was refused
        match packet.type:
            case PacketType.CONNECT:
                connection.handle_later(packet, lambda one: self._handle(connection, one))
            case PacketType.EVENT if connection.is_connected or connection.waiting:
                self._counters.events += 1
                limit = self._settings.max_events_per_second
                if not connection.may_send(limit, time.monotonic()) or not (
                    self._pass_to_listener(connection, packet)
                    or connection.handle_later(packet, lambda one: self._handle(connection, one))
                ):
                    self._refuse(connection, packet.ack_id, TOO_MANY_EVENTS)
            case PacketType.ACK if packet.ack_id is not None:
                answer = connection.calls.pop(packet.ack_id, None)
                if answer is not None and not answer.done():
                    answer.set_result(packet.data)
            case _:
                self._registry.end(connection, flush=False)

    def _pass_to_listener(self, connection: Connection, packet: Packet) -> bool:
        """Pass an event to its listener, ahead of those that wait for handlers. Return False if it has none."""
        if not connection.listeners:
            return False
        try:
            name, payload = self._split(packet.data)
        except DomainError:
            return False  # it is refused in its turn
        if (listen := connection.listeners.get(name)) is None:
            return False
        listen(payload)
        if packet.ack_id is not None:
            self._send(connection, ack_packet(packet.ack_id))
        return True

    async def _handle(self, connection: Connection, packet: Packet) -> None:
        if packet.type is PacketType.CONNECT:
            await self._connect(connection, packet)
            return
        try:
            name, payload = self._split(packet.data)
            self._log("socket event", connection, name=name)
            if self.tracing.tracer is None or name == HEARTBEAT:
                answer = await self._answer(connection, name, payload)
            else:
                known = name if name in self._events or name == USER_JOIN else "unknown"
                attributes = {"portico.socket.event": known}
                with self.tracing.begin(
                    f"socket {known}", "server", packet.traceparent, attributes
                ):
                    answer = await self._answer(connection, name, payload)
        except DomainError as error:
            self._refuse(connection, packet.ack_id, error.detail)
            return
        except TimeoutError:
            self._refuse(connection, packet.ack_id, TOOK_TOO_LONG)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the next event must be handled
            if not isinstance(error, HandlerFailed):  # which is logged with the name of its plugin
                at = error_location(error)
                log.error("socket event failed", error=type(error).__name__, at=at)
                log.debug("socket event failed with this error", exc_info=error)
            self._refuse(connection, packet.ack_id, FAILED)
            return
        if packet.ack_id is not None:
            arguments = () if answer is None else (answer,)
            self._acknowledge(connection, packet.ack_id, name, arguments)

    async def _connect(self, connection: Connection, packet: Packet) -> None:
        if packet.namespace != "/":
            self._send(connection, connect_error_packet("Invalid namespace", packet.namespace))
            return
        if connection.is_connected:
            return
        try:
            auth = msgspec.json.decode(packet.data or "null", type=ConnectAuth)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            auth = None
        try:
            actor = await self._sign_in.actor_of(connection, auth.token) if auth else None
        except DomainError:  # the database is not available: the client connects again later
            self._registry.end(connection, flush=False)
            return
        if connection.is_over:
            return
        if actor is not None and self._registry.is_full(actor.id):
            self._send(connection, connect_error_packet(TOO_MANY_SOCKETS))
            self._registry.end(connection, flush=True)
            return
        connection.is_connected = True
        self._log("socket connected", connection, account=actor.id if actor else None)
        # Before the socket gets events of its account.
        self._send(connection, connect_packet(connection.id))
        if actor is not None and auth is not None:
            self._sign_in.admit(connection, actor, auth.token)

    def _split(self, text: str) -> tuple[str, msgspec.Raw]:
        """Return the name and the payload of an event. Raises: InvalidRequest, ValidationError."""
        scanner = BodyScanner(self._max_depth, _MAX_VALUES)
        try:
            name, *arguments = ARGUMENTS.decode(scanner.feed(text.encode(), last=True))
            return msgspec.json.decode(name, type=str), arguments[0] if arguments else NULL
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise InvalidRequest(MALFORMED_EVENT) from None

    async def _answer(self, connection: Connection, name: str, payload: msgspec.Raw) -> Any:
        """Handle one event and return its acknowledgement. Raises: DomainError, TimeoutError, what a plugin raises."""
        if name == USER_JOIN:
            return await self._sign_in.join(connection, _decode(payload, UserJoin))
        actor = await self._sign_in.current_actor(connection)
        if actor is None:
            if connection.signed_in is not None:  # the session has just ended
                self._registry.end(connection, flush=False)
            raise Unauthenticated
        if name == HEARTBEAT:
            self._sign_in.note_seen(actor)
            return None
        registered = self._events.get(name)
        if registered is None:
            optional = name in _OPTIONAL or name.startswith(_OPTIONAL_PREFIX)
            raise InvalidRequest(NOT_AVAILABLE if optional else UNKNOWN_EVENT)
        event = registered.event
        if event.access == "admin" and not actor.is_admin:
            raise Forbidden
        value = None if event.payload is None else _decode(payload, event.payload)
        socket = ConnectedSocket(connection.id, actor)
        with acting_as(actor.id):
            return await self._run(registered.plugin, event, socket, value)

    async def _run(
        self, plugin: str, event: SocketEvent, socket: ConnectedSocket, value: Any
    ) -> Any:
        doing = f"handling the socket event {event.name}"
        limit = self._settings.handler_timeout
        try:
            return await self._run_handler(
                plugin, doing, lambda: event.handle(socket, value), limit
            )
        except DomainError:
            raise
        except Exception as error:
            if isinstance(error.__cause__, LimitExceeded):
                raise error.__cause__ from None
            raise HandlerFailed from error

    def _acknowledge(
        self, connection: Connection, ack_id: int, name: str, arguments: tuple[Any, ...]
    ) -> None:
        try:
            text = ack_packet(ack_id, *arguments)
        except Exception as error:  # noqa: BLE001 - a value of a plugin without a JSON form
            log.warning("acknowledgement not encoded", name=name, error=type(error).__name__)
            text = ack_packet(ack_id, {"error": FAILED})
        self._send(connection, text)

    def _refuse(self, connection: Connection, ack_id: int | None, sentence: Any) -> None:
        self._counters.refused += 1
        if ack_id is not None:
            text = sentence if isinstance(sentence, str) else MALFORMED_EVENT
            self._send(connection, ack_packet(ack_id, {"error": text}))

    def _log(self, message: str, connection: Connection, **values: Any) -> None:
        if self._settings.log_packets:
            log.info(message, socket=connection.id, client=connection.address, **values)


def _decode(payload: msgspec.Raw, kind: Any) -> Any:
    """Return the payload of an event. Raises: InvalidRequest, which names the field and the expected type."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"The payload does not fit: {error}") from None
    except (ValueError, RecursionError):
        raise InvalidRequest(MALFORMED_EVENT) from None
