"""The ASGI application at `/ws/socket.io`: checks each request before the Engine.IO library gets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qs

import structlog

from portico.errors import Forbidden, InvalidRequest, TooLarge
from portico.settings.sockets import SocketSettings
from portico.sockets.connection import Connection
from portico.sockets.forwarding.forwarded_request import FORWARDED_PATH
from portico.sockets.websocket_channel import WebSocketChannel, is_valid_frame
from portico.web.auth.csrf import CROSS_SITE
from portico.web.middleware.origins import Origins, own_origin

if TYPE_CHECKING:
    from litestar.types import Message, Receive, Scope, Send

    from portico.sockets.engine import EngineServer

log = structlog.get_logger("portico.sockets")

PATH: Final = "/ws/socket.io"
#: The key under which the scope that the library gets has its `Handshake`.
HANDSHAKE_KEY: Final = "portico.sockets.handshake"
_UPGRADE_HEADERS: Final = [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
NOT_AN_UPGRADE: Final = "Invalid WebSocket upgrade request"
INVALID_TRANSPORT: Final = "Invalid transport"
INVALID_SESSION: Final = "Invalid session"
_SEPARATOR: Final = "\x1e"
_HINT: Final = "if this page is yours, set server.trusted_proxies, server.url or cors.allow_origins"


def is_socket_path(path: str) -> bool:
    """Return whether a path is that of the Socket.IO server, or the one for other instances."""
    return path == FORWARDED_PATH or (path.startswith(PATH) and path[len(PATH) :] in ("", "/"))


class Handshake(NamedTuple):
    """The first request of a connection; `channel`: None where the client polls."""

    scope: Scope
    channel: WebSocketChannel | None


class Connections(Protocol):
    """What the endpoint needs of the open connections."""

    @property
    def engine(self) -> EngineServer | None: ...

    def admit(self, scope: Mapping[str, Any]) -> None:
        """Raises: Unavailable, RateLimited if no further connection is taken from this address."""
        ...

    def by_key(self, key: str) -> Connection | None:
        """Return the connection with this Engine.IO id."""
        ...

    def end(self, connection: Connection, *, flush: bool) -> None:
        """End a connection."""
        ...


#: Serves a request of a connection with this Engine.IO id, which another instance owns. Returns whether one does.
Forward = Callable[[str, "Scope", "Receive", "Send"], Awaitable[bool]]


class SocketEndpoint:
    """Serves the handshakes, polls and web sockets of Engine.IO. Errors are raised and answered by the outer middleware."""

    def __init__(
        self, settings: SocketSettings, origins: Origins, connections: Connections
    ) -> None:
        self._settings, self._origins, self._connections = settings, origins, connections
        #: Set before the first request.
        self.forward: Forward | None = None
        #: Pairs of method and connection: each may have one request at a time.
        self._in_progress: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or web socket. Raises: Forbidden, InvalidRequest, TooLarge, Unavailable, RateLimited."""
        self._check_origin(scope)
        key = self._read_query(scope)
        is_elsewhere = key and self.forward is not None and self._connections.by_key(key) is None
        if not (is_elsewhere and await self.forward(key, scope, receive, send)):  # type: ignore[misc]
            await self.serve_own(scope, receive, send)

    async def serve_own(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As `__call__`, for a connection of this instance. The origin of the page was checked where the request arrived."""
        key = self._read_query(scope)
        engine, connection = self._connections.engine, self._connections.by_key(key)
        if engine is None or (key and connection is None):
            raise InvalidRequest(INVALID_SESSION)
        if connection is None:
            self._connections.admit(scope)
        if scope["type"] == "websocket":  # type: ignore[comparison-overlap]
            await self._serve_websocket(engine, connection, scope, receive, send)
        elif connection is None:
            await self._open_polling(engine, scope, receive, send)
        else:
            await self._serve_poll(engine, connection, scope, receive, send)

    def _check_origin(self, scope: Scope) -> None:
        """Refuse pages of other sites. Raises: Forbidden."""
        if self._origins.allows_any:
            return
        origin = self._origins.classify(scope)
        if origin.ours is False:
            ours = (own_origin(scope) or b"?").decode("latin-1")
            log.info("cross-site socket", page=origin.page, ours=ours, hint=_HINT)
            raise Forbidden(CROSS_SITE)

    def _read_query(self, scope: Scope) -> str:
        """Return the Engine.IO id of the connection that a request names; empty = it opens one. Raises: InvalidRequest."""
        try:
            found = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
        except ValueError:
            raise InvalidRequest("The query has too many parameters") from None
        transport, version, key = (
            values[0] if len(values := found.get(name, [""])) == 1 else "?"
            for name in ("transport", "EIO", "sid")
        )
        is_websocket = scope["type"] == "websocket"  # type: ignore[comparison-overlap]
        known = ("websocket", "polling") if self._settings.websocket else ("polling",)
        if transport not in known or (is_websocket and transport == "polling") or "j" in found:
            raise InvalidRequest(INVALID_TRANSPORT)
        if transport == "websocket" and not is_websocket:
            raise InvalidRequest(NOT_AN_UPGRADE)
        if version != "4":
            raise InvalidRequest(
                "Use Engine.IO protocol 4, that is a Socket.IO client of version 3 or later"
            )
        return key

    async def _serve_websocket(
        self,
        engine: EngineServer,
        connection: Connection | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Serve a web socket: a connection of its own, or the upgrade of one that has polled until now."""
        if connection is not None and (connection.engine.upgraded or connection.engine.upgrading):
            raise InvalidRequest(INVALID_SESSION)
        channel = WebSocketChannel(receive, send, self._settings.max_payload_bytes)
        if connection is not None:
            connection.channel = channel
        # The library looks for these headers, which HTTP/2 does not have.
        inner: Any = {
            **scope,
            "headers": _UPGRADE_HEADERS,
            HANDSHAKE_KEY: Handshake(scope, channel),
        }
        try:
            await engine.handle_request(inner, channel.receive, channel.send)
        finally:
            served = connection or self._connections.by_key(channel.key)
            if served is not None and served.engine.upgraded:
                self._connections.end(served, flush=False)
            elif served is not None:
                # The upgrade has failed, and the client goes on polling. The library may have left the mark.
                served.channel, served.engine.upgrading = None, False
        if not channel.is_closed:
            await channel.send({"type": "websocket.close", "code": 1000})

    async def _open_polling(
        self, engine: EngineServer, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope.get("method") != "GET":
            raise InvalidRequest(INVALID_SESSION)
        inner: Any = {**scope, HANDSHAKE_KEY: Handshake(scope, None)}
        await engine.handle_request(inner, receive, _PollSender(send))

    async def _serve_poll(
        self,
        engine: EngineServer,
        connection: Connection,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Serve one request of a client that polls: GET waits for messages, POST brings some."""
        method = str(scope.get("method"))
        current = method, connection.key
        if (
            current in self._in_progress
            or method not in ("GET", "POST")
            or connection.engine.upgraded
        ):
            raise InvalidRequest(INVALID_SESSION)
        self._in_progress.add(current)
        try:
            if method == "GET":
                await engine.handle_request(scope, receive, _PollSender(send))
            else:
                await engine.receive(
                    connection.engine, await self._read_frames(connection, receive)
                )
                await _PollSender(send).respond_ok()
        finally:
            self._in_progress.discard(current)

    async def _read_frames(self, connection: Connection, receive: Receive) -> list[str]:
        """Read the body of a POST and return the frames in it.

        Raises: InvalidRequest, TooLarge; the connection ends then.
        """
        limit = self._settings.max_payload_bytes
        try:
            frames = (await self._read_body(receive)).decode().split(_SEPARATOR)
            if not all(is_valid_frame(frame, limit) for frame in frames):
                raise InvalidRequest("The packets are malformed")
        except (InvalidRequest, TooLarge, UnicodeDecodeError) as error:
            self._connections.end(connection, flush=False)
            if isinstance(error, UnicodeDecodeError):
                raise InvalidRequest("The packets are not UTF-8") from None
            raise
        return frames

    async def _read_body(self, receive: Receive) -> bytes:
        blocks, size, more = [], 0, True
        while more:
            message: Any = await receive()
            block = message.get("body", b"")
            size += len(block)
            if size > self._settings.max_payload_bytes:
                raise TooLarge
            blocks.append(block)
            more = message.get("more_body", False)
        return b"".join(blocks)


class _PollSender:
    """`send` for the response to a poll: completes the headers that the library sets."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: dict[str, Any] = {}

    async def __call__(self, message: Message) -> None:
        """Send a message of the library."""
        given: Any = message
        if given["type"] == "http.response.start":
            self._start = given
            return
        headers = [
            *((name.lower(), value) for name, value in self._start["headers"]),
            (b"content-length", str(len(given["body"])).encode()),
            (b"cache-control", b"no-store"),
        ]
        await self._send({**self._start, "headers": headers})  # type: ignore[arg-type]
        await self._send(given)

    async def respond_ok(self) -> None:
        """Send the response to packets that were taken."""
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await self({"type": "http.response.start", "status": 200, "headers": headers})
        await self({"type": "http.response.body", "body": b"ok", "more_body": False})
