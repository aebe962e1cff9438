"""The Socket.IO server of one application: sends events to accounts and rooms, on every instance."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from portico.identity import Identity
from portico.instances import InstanceChannel, OwnInstance, lack_urls
from portico.redis import RedisConnection
from portico.settings.schema import CoreSettings
from portico.settings.section import Secret
from portico.sockets.counters import SocketCounters, SocketCounts
from portico.sockets.dispatcher import PacketDispatcher, RunHandler
from portico.sockets.endpoint import SocketEndpoint
from portico.sockets.events import RegisteredEvent
from portico.sockets.forwarding.forwarded_request import FORWARDED_PATH, RequestSigner
from portico.sockets.forwarding.forwarder import Forwarder
from portico.sockets.forwarding.receiver import ForwardReceiver
from portico.sockets.local import Delivery, LocalSockets
from portico.sockets.packets import event_packet
from portico.sockets.registry import ConnectionRegistry
from portico.sockets.remote import RemoteSockets
from portico.sockets.session_pool import SessionPool, SocketSession
from portico.sockets.sign_in import SocketSignIn
from portico.tracing import Tracing
from portico.web.drain import Drain
from portico.web.middleware.origins import Origins

if TYPE_CHECKING:
    import aiohttp
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
        *,
        instance: OwnInstance,
        secret: Secret,
        channel: InstanceChannel,
        redis: RedisConnection,
        http_session: Callable[[], aiohttp.ClientSession],
    ) -> None:
        self._counters = SocketCounters()
        self._sessions = SessionPool(channel)
        self._dispatcher = PacketDispatcher(settings, self._counters, run_handler)
        self._registry = ConnectionRegistry(
            settings.sockets, drain, self._sessions, self._counters, self._dispatcher.receive
        )
        self._local = LocalSockets(self._registry)
        self._dispatcher.bind(
            self._registry, SocketSignIn(identity, self._registry), self._local.send_text
        )
        self._endpoint = SocketEndpoint(settings.sockets, origins, self._registry)
        signer = RequestSigner(instance.id, secret)
        self._forwarder = Forwarder(
            instance.id, signer, settings.sockets, self._counters, http_session
        )
        self._endpoint.forward = self._forwarder.forward
        self._receiver = ForwardReceiver(
            instance, signer, self._endpoint.serve_own, self._registry.release_poll
        )
        drain.on_start(self._forwarder.release)
        self._remote = RemoteSockets(
            channel, lambda: not redis.is_unavailable, self._local, self._counters
        )

    def use_tracing(self, tracing: Tracing) -> None:
        """Record events of clients, and requests that other instances forward."""
        self._dispatcher.tracing = self._receiver.tracing = tracing

    async def start(self, events: Sequence[RegisteredEvent] = ()) -> None:
        """Begin to take connections. `events`: what plugins handle. Needs a registered instance."""
        self._dispatcher.set_events(events)
        await self._receiver.start()
        if await lack_urls():
            log.warning(
                "servers on several machines: Socket.IO by polling needs server.instance_url on each of them, or sticky "
                "sessions in the load balancer"
            )
        self._registry.start()
        self._sessions.start()

    async def stop(self) -> None:
        """End all connections."""
        await self._remote.stop()
        await self._sessions.stop()
        await self._registry.stop()
        await self._receiver.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or web socket at the paths of `is_socket_path`. Raises: DomainError where it is refused."""
        inner = self._receiver if scope["path"] == FORWARDED_PATH else self._endpoint
        await inner(scope, receive, send)

    def emit_to_account(
        self, account_id: str, event: str, data: Any, *, replaces: str = ""
    ) -> None:
        """Send an event to all sockets of an account, on every instance.

        Never waits and never raises; the order is kept per socket. `data`: what msgspec encodes; a `msgspec.Raw` is sent as
        it is. `replaces`: a key; an event that is not sent yet is left out when a later one with the same key follows, for
        a socket that reads slowly and on the way to other instances.
        """
        self._emit(event, data, replaces, is_room=False, target=account_id)

    def emit_to_room(self, room: str, event: str, data: Any, *, replaces: str = "") -> None:
        """Send an event to all sockets in a room, as `emit_to_account`. Names of rooms begin with `<plugin>:`."""
        self._emit(event, data, replaces, is_room=True, target=room)

    async def call(
        self, account_id: str, socket_id: str, event: str, data: Any, timeout: float = 60.0
    ) -> Any:
        """Send an event to one socket of an account, on whichever instance it is, and return its acknowledgement.

        Units: `timeout` in seconds. Raises: NotFound if it is not a socket of the account, or ends; TimeoutError;
        InvalidRequest for an acknowledgement that is not JSON.
        """
        is_local = self._local.has(account_id, socket_id) or not self._remote.exist
        call = self._local.call if is_local else self._remote.call
        return msgspec.json.decode(await call(account_id, socket_id, event, data, timeout))

    @contextlib.asynccontextmanager
    async def listen(
        self, account_id: str, socket_id: str, event: str, handle: Callable[[msgspec.Raw], None]
    ) -> AsyncIterator[None]:
        """Have `handle` take the events of this name that one socket of an account sends, in their order, in the block.

        For the events of one request, such as the lines of a stream. `handle` must not block or raise. Raises: NotFound
        if it is not a socket of the account.
        """
        if self._local.has(account_id, socket_id) or not self._remote.exist:
            with self._local.listen(account_id, socket_id, event, handle):
                yield
        else:
            async with self._remote.listen(account_id, socket_id, event, handle):
                yield

    def has_sockets(self, account_id: str) -> bool:
        """Return whether the account is signed in on any socket, as `is_connected`; for events that are costly to make."""
        return self._sessions.count_of(account_id) > 0

    def is_connected(self, account_id: str, socket_id: str) -> bool:
        """Return whether this is a socket on which the account is signed in, on any instance.

        A socket of another instance is known about a quarter of a second after it has signed in; see `wait_for_socket`.
        """
        return self._sessions.has(account_id, socket_id)

    async def wait_for_socket(self, account_id: str, socket_id: str) -> bool:
        """As `is_connected`, and wait up to a second for one that may just have signed in on another instance."""
        return await self._sessions.wait_for(account_id, socket_id)

    @property
    def counts(self) -> SocketCounts:
        """The numbers of sockets and rooms of this process, and what has happened since it started."""
        registry = self._registry
        return SocketCounts(
            len(registry), registry.signed_in_count, registry.room_count, self._counters
        )

    def sessions(self) -> Iterator[tuple[str, SocketSession]]:
        """Return all sockets on which accounts are signed in, each with the id of its instance."""
        return iter(self._sessions)

    def join(self, socket_id: str, room: str) -> None:
        """Add a socket of this process to a room. Does nothing if it has ended."""
        self._local.join(socket_id, room)

    def leave(self, socket_id: str, room: str) -> None:
        """Remove a socket of this process from a room."""
        self._local.leave(socket_id, room)

    def _emit(self, event: str, data: Any, replaces: str, *, is_room: bool, target: str) -> None:
        # A socket that signs in elsewhere at this moment gets the next event of this key; other events are always sent.
        goes_elsewhere = self._remote.exist and (
            is_room or not replaces or self._sessions.is_elsewhere(target)
        )
        if not goes_elsewhere and not self._local.receivers(is_room=is_room, target=target):
            return
        try:
            text = event_packet(event, data)
        except Exception as error:  # noqa: BLE001 - a value without a JSON form must not end what caused the event
            log.warning("socket event not encoded", name=event, error=type(error).__name__)
            return
        delivery = Delivery(is_room, target, text, replaces)
        self._local.deliver(delivery)
        if goes_elsewhere:
            self._remote.deliver(delivery)
