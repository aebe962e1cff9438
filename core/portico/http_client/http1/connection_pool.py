"""Connections that wait for the next request."""

import asyncio

from portico.http_client.http1.connection import HTTPConnection
from portico.http_client.http1.target import ConnectionKey


class ConnectionPool:
    """Idle connections by what they lead to. `keep_alive`: seconds after which an unused one is closed."""

    def __init__(self, keep_alive: float) -> None:
        self._keep_alive = keep_alive
        self._idle: dict[ConnectionKey, list[HTTPConnection]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return the number of idle connections."""
        return sum(map(len, self._idle.values()))

    def take(self, key: ConnectionKey) -> HTTPConnection | None:
        """Return the connection that was used last; None if there is none."""
        waiting = self._idle.get(key)
        while waiting:
            connection = waiting.pop()
            if not connection.is_open:
                continue
            if connection.loop.time() - connection.idle_since < self._keep_alive:
                return connection
            connection.close()
        return None

    def put(self, connection: HTTPConnection) -> None:
        """Keep an idle connection for the next request."""
        self._idle.setdefault(connection.key, []).append(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(self._keep_alive, self._close_old)

    def close(self) -> None:
        """Close all idle connections."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiting in self._idle.values():
            for connection in waiting:
                connection.close()
        self._idle.clear()

    def _close_old(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._keep_alive
        for key, waiting in list(self._idle.items()):
            kept = []
            for connection in waiting:
                if connection.idle_since > oldest and connection.is_open:
                    kept.append(connection)
                else:
                    connection.close()
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        if self._idle:
            self._timer = loop.call_later(self._keep_alive / 4, self._close_old)
