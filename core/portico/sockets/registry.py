"""The open connections of this process: by id, by account and by room, and how many there may be."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from portico.db import now
from portico.errors import RateLimited, Unavailable
from portico.periodic_task import PeriodicTask
from portico.settings.sockets import SocketSettings
from portico.sockets.connection import Connection, SignedIn
from portico.sockets.counters import SocketCounters
from portico.sockets.endpoint import HANDSHAKE_KEY
from portico.sockets.session_pool import SessionPool, SocketSession
from portico.web.drain import Drain
from portico.web.middleware.proxies import TRUSTED_PEER_KEY, client_address

if TYPE_CHECKING:
    from portico.sockets.engine import EngineServer

log = structlog.get_logger("portico.sockets")

#: What is kept of the scope of a handshake, for auth providers that compare the session with the request.
_HANDSHAKE_PARTS = ("type", "scheme", "path", "query_string", "headers", "client", TRUSTED_PEER_KEY)
#: Seconds between two looks for clients that do not answer pings.
PING_CHECK_SECONDS = 5.0
#: Seconds after which a client that has too many sockets may try again.
RETRY_AFTER_SECONDS = 30
TOO_MANY_SOCKETS = "Too many connections. Close other windows of this server, and try again."


class ConnectionRegistry:
    """The open connections. `on_text`: called with each message of a client."""

    def __init__(
        self,
        settings: SocketSettings,
        drain: Drain,
        sessions: SessionPool,
        counters: SocketCounters,
        on_text: Callable[[Connection, str], None],
    ) -> None:
        self._settings, self._drain, self._counters = settings, drain, counters
        self._sessions, self._on_text = sessions, on_text
        self.engine: EngineServer | None = None
        self._by_key: dict[str, Connection] = {}
        self._by_id: dict[str, Connection] = {}
        self._by_account: dict[str, set[Connection]] = {}
        self._by_room: dict[str, set[Connection]] = {}
        self._anonymous: Counter[str] = Counter()
        self._ping_check = PeriodicTask("pings of sockets", PING_CHECK_SECONDS, self._end_silent)

    def start(self) -> None:
        """Begin to take connections. Needs a running event loop."""
        from portico.sockets.engine import EngineServer

        self.engine = EngineServer(
            self._settings, self._sessions.instance_id, self.open, self._receive, self._closed
        )
        self._drain.on_start(self.end_all)
        self._ping_check.start()

    async def stop(self) -> None:
        """End all connections and take no more."""
        await self._ping_check.stop()
        self.engine = None
        self.end_all()

    def __len__(self) -> int:
        """Return the number of connections, signed in or not."""
        return len(self._by_key)

    @property
    def signed_in_count(self) -> int:
        """The number of sockets on which an account is signed in."""
        return sum(map(len, self._by_account.values()))

    @property
    def room_count(self) -> int:
        """The number of rooms with sockets."""
        return len(self._by_room)

    def admit(self, scope: Mapping[str, Any]) -> None:
        """Raises: Unavailable, RateLimited if no further connection is taken, or none from this address."""
        if self._drain.started or len(self) >= self._settings.max_sockets:
            raise Unavailable
        if self._anonymous[client_address(scope)] >= self._settings.max_anonymous_per_address:
            raise RateLimited(RETRY_AFTER_SECONDS, TOO_MANY_SOCKETS)

    def open(self, key: str, scope: Mapping[str, Any]) -> None:
        """Register a new connection, on which no account is signed in yet. Called by the library."""
        assert self.engine is not None
        first, channel = scope[HANDSHAKE_KEY]
        engine = self.engine.sockets[key]
        handshake = {name: first[name] for name in _HANDSHAKE_PARTS if name in first}
        connection = Connection(key, engine, handshake, channel, now())
        connection.address = client_address(first)
        if channel is not None:
            channel.key = key
        engine.queue.is_polled = lambda: not engine.upgraded
        engine.queue.on_overflow = lambda: self._drop(connection)
        self._by_key[key] = self._by_id[connection.id] = connection
        self._anonymous[connection.address] += 1
        self._counters.opened += 1
        timer = asyncio.get_running_loop().call_later(
            self._settings.sign_in_timeout, self._end_anonymous, connection
        )
        connection.on_end.callback(timer.cancel)

    def by_key(self, key: str) -> Connection | None:
        """Return the connection with this Engine.IO id."""
        return self._by_key.get(key)

    def release_poll(self, key: str) -> None:
        """Have a poll of this connection that waits answered now."""
        if self.engine is not None:
            self.engine.release_poll(key)

    def by_id(self, socket_id: str) -> Connection | None:
        """Return the connected socket with this id."""
        found = self._by_id.get(socket_id)
        return found if found is not None and found.is_connected else None

    def of_account(self, account_id: str) -> Iterable[Connection]:
        """Return the sockets on which this account is signed in."""
        return self._by_account.get(account_id, ())

    def in_room(self, room: str) -> Iterable[Connection]:
        """Return the sockets in a room."""
        return self._by_room.get(room, ())

    def is_full(self, account_id: str) -> bool:
        """Return whether an account may sign in on no further socket."""
        return self._sessions.count_of(account_id) >= self._settings.max_sockets_per_account

    def sign_in(self, connection: Connection, signed_in: SignedIn) -> None:
        """Add a connection to the sockets of an account. The caller has checked the session."""
        self._remove_from_account(connection)
        if connection.signed_in is None:
            self._forget_anonymous(connection)
        connection.signed_in = signed_in
        self._by_account.setdefault(signed_in.account_id, set()).add(connection)
        self._sessions.add(
            SocketSession(
                connection.id, signed_in.account_id, connection.address, connection.opened_at
            )
        )

    def join(self, connection: Connection, room: str) -> None:
        """Add a socket to a room."""
        if not connection.is_over:
            connection.rooms.add(room)
            self._by_room.setdefault(room, set()).add(connection)

    def leave(self, connection: Connection, room: str) -> None:
        """Remove a socket from a room."""
        connection.rooms.discard(room)
        _discard(self._by_room, room, connection)

    def end(self, connection: Connection, *, flush: bool) -> None:
        """End a connection. `flush`: send what is queued first."""
        self._release(connection)
        connection.end(flush=flush)

    def end_all(self) -> None:
        """End all connections."""
        for connection in list(self._by_key.values()):
            self.end(connection, flush=True)

    def _receive(self, key: str, text: Any) -> None:
        connection = self._by_key.get(key)
        if connection is None or connection.is_over:
            return
        if isinstance(text, str):
            self._on_text(connection, text)
        else:  # binary, which the endpoint does not let through
            self.end(connection, flush=False)

    def _closed(self, key: str) -> None:
        """A connection has ended by itself. Called by the library."""
        if (connection := self._by_key.get(key)) is not None:
            self._release(connection)

    def _release(self, connection: Connection) -> None:
        if self._by_key.pop(connection.key, None) is None:
            return
        if self.engine is not None:
            self.engine.forget(connection.key)
        del self._by_id[connection.id]
        if connection.signed_in is None:
            self._forget_anonymous(connection)
        else:
            self._sessions.remove(connection.id)
        self._remove_from_account(connection)
        for room in list(connection.rooms):
            self.leave(connection, room)
        connection.release()

    def _remove_from_account(self, connection: Connection) -> None:
        if connection.signed_in is not None:
            _discard(self._by_account, connection.signed_in.account_id, connection)

    def _forget_anonymous(self, connection: Connection) -> None:
        self._anonymous[connection.address] -= 1
        if self._anonymous[connection.address] <= 0:
            del self._anonymous[connection.address]

    def _end_anonymous(self, connection: Connection) -> None:
        if connection.signed_in is None:
            self.end(connection, flush=True)

    def _drop(self, connection: Connection) -> None:
        """End a connection whose client reads too slowly."""
        self._counters.dropped += 1
        log.info("slow socket closed", client=connection.address)
        self.end(connection, flush=False)

    async def _end_silent(self) -> None:
        for key in self.engine.silent() if self.engine is not None else ():
            if (connection := self._by_key.get(key)) is not None:
                self.end(connection, flush=False)


def _discard(index: dict[str, set[Connection]], name: str, connection: Connection) -> None:
    found = index.get(name)
    if found is not None:
        found.discard(connection)
        if not found:
            del index[name]
