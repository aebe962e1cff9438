"""Takes requests of connections of this instance that other instances forward."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from portico.db import Database, current_database
from portico.errors import DomainError, Forbidden, NotFound
from portico.instances import OwnInstance, find_address
from portico.sockets.forwarding.forwarded_request import (
    MAX_SEALED_BYTES,
    SEALED_HEADER,
    ForwardedRequest,
    RequestSigner,
)
from portico.sockets.forwarding.tunnel import (
    RELEASE,
    ServerTunnel,
    Tunnel,
    TunnelClosed,
    UnixTunnel,
    decode_message,
    encode_message,
    open_unix_tunnel,
)
from portico.sockets.forwarding.unix_socket import listening_socket
from portico.tracing import Tracing
from portico.web.middleware.request_context import REQUEST

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger("portico.sockets")

#: Seconds in which another process must send the request after it has connected.
_OPENING_SECONDS: Final = 5.0
NOT_SIGNED: Final = "This path is for other instances of this server."
NOT_HERE: Final = "The instance is not alive."


class ForwardReceiver:
    """Serves forwarded requests with `serve`. `release(key)`: has a poll of a connection that waits answered now."""

    def __init__(
        self,
        instance: OwnInstance,
        signer: RequestSigner,
        serve: ASGIApp,
        release: Callable[[str], None],
    ) -> None:
        self._instance, self._signer = instance, signer
        self._serve, self._release = serve, release
        #: Set by an application that records traces.
        self.tracing = Tracing()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._database: Database | None = None

    async def start(self) -> None:
        """Listen for processes of the same machine, and store where. Needs a registered instance."""
        self._database = current_database()
        try:
            listening, self._path = listening_socket()
        except OSError as error:
            log.warning(
                "no Unix socket for other server processes of this machine; their clients need web sockets",
                reason=error.strerror,
            )
            return
        self._server = await asyncio.start_unix_server(self._take, sock=listening)
        self._instance.socket_path = str(self._path)
        await self._instance.beat()

    async def stop(self) -> None:
        """Take no more requests, and end those that are open."""
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request of another machine. Raises: NotFound, Forbidden."""
        if scope["type"] != "websocket":  # type: ignore[comparison-overlap]
            raise NotFound
        name = SEALED_HEADER.encode()
        texts = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
        owner = self._signer.owner_of(texts[0]) if len(texts) == 1 else None
        tunnel = ServerTunnel(receive, send)
        if owner is None:
            self._refuse()
        elif owner == self._instance.id:
            request = self._signer.open(texts[0]) or self._refuse()
            await tunnel.accept()
            await self._serve_request(tunnel, request)
        else:
            await self._pass_on(tunnel, owner, texts[0])

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a request of another process of this machine. Called for each connection to the Unix socket."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        tunnel = UnixTunnel(reader, writer)
        try:
            async with asyncio.timeout(_OPENING_SECONDS):
                sealed = await tunnel.receive(MAX_SEALED_BYTES)
            if sealed is None:
                return  # a process that has just started asks whether the socket is in use
            request = self._signer.open(sealed.decode("latin-1"))
            if request is None:
                log.warning("forwarded request refused", hint=NOT_SIGNED)
            else:
                await self._serve_request(tunnel, request)
        except TimeoutError:
            return
        finally:
            self._tasks.discard(task)
            await tunnel.close()

    @staticmethod
    def _refuse() -> Any:
        log.warning("forwarded request refused", hint=NOT_SIGNED)
        raise Forbidden(NOT_SIGNED)

    async def _serve_request(self, tunnel: Tunnel, request: ForwardedRequest) -> None:
        # Imported here, because commands load this module and do without the web framework.
        from portico.web.errors import domain_error_response, internal_error_response

        assert self._database is not None
        REQUEST.set((request.request_id, (request.client, 0)))
        scope: Any = _scope_of(request)
        received = _Received(tunnel, request, self._release)

        async def send(message: Any) -> None:
            await tunnel.send(encode_message(message))

        with self._database.use(), contextlib.suppress(TunnelClosed):
            try:
                await self._serve_traced(request, scope, received, send)
            except TunnelClosed:
                raise
            except DomainError as error:
                await domain_error_response(error)(scope, receive=received, send=send)
            except Exception as error:  # noqa: BLE001 - the client gets an answer
                reply = internal_error_response(error, scope)
                await reply(scope, receive=received, send=send)
        await received.stop()
        await tunnel.close()

    async def _serve_traced(
        self, request: ForwardedRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve a request in a span, if it was sent with its trace. A web socket may last for hours, so its span is short."""
        if not request.traceparent or self.tracing.tracer is None:
            await self._serve(scope, receive, send)
            return
        attributes = {"http.route": str(scope["path"]), "portico.transport": request.type}
        with self.tracing.begin("forwarded socket", "server", request.traceparent, attributes):
            if request.type == "http":
                await self._serve(scope, receive, send)
        if request.type != "http":
            await self._serve(scope, receive, send)

    async def _pass_on(self, tunnel: ServerTunnel, owner: str, sealed: str) -> None:
        """Pass a tunnel on to another process of this machine, which the URL of its instance reaches as well as this one.

        Raises: NotFound. It is not passed to another machine, so it cannot go round in circles.
        """
        address = await find_address(owner)
        if address is None or not address.socket_path:
            raise NotFound(NOT_HERE)
        try:
            other = await open_unix_tunnel(address.socket_path, sealed)
        except (OSError, TunnelClosed):
            raise NotFound(NOT_HERE) from None
        await tunnel.accept()
        copies = [
            asyncio.create_task(_copy(tunnel, other)),
            asyncio.create_task(_copy(other, tunnel)),
        ]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            await asyncio.wait(copies)
            await other.close()
            await tunnel.close()


class _Received:
    """`receive` of a forwarded request. Reads ahead, since no one asks for messages while a poll waits."""

    def __init__(
        self, tunnel: Tunnel, request: ForwardedRequest, release: Callable[[str], None]
    ) -> None:
        self._tunnel, self._request, self._release = tunnel, request, release
        self._messages: asyncio.Queue[Any] = asyncio.Queue(2)
        self._is_complete = request.type == "websocket"
        self._reading = asyncio.create_task(self._read())

    async def __call__(self) -> Any:
        """Return the next message. Raises: TunnelClosed if the body of a request is incomplete."""
        message = await self._messages.get()
        if message["type"] == "http.request":
            self._is_complete = not message.get("more_body", False)
        elif not self._is_complete:
            raise TunnelClosed
        return message

    async def stop(self) -> None:
        """Stop reading."""
        self._reading.cancel()
        await asyncio.wait({self._reading})

    async def _read(self) -> None:
        kind = self._request.type
        with contextlib.suppress(TunnelClosed):
            while (data := await self._tunnel.receive()) is not None:
                if data != RELEASE:
                    await self._messages.put(decode_message(data))
                elif kind == "http":
                    self._release(self._request.key)
                else:
                    break
        while True:
            await self._messages.put({"type": f"{kind}.disconnect", "code": 1001})


async def _copy(source: Tunnel, target: Tunnel) -> None:
    with contextlib.suppress(TunnelClosed):
        while (data := await source.receive()) is not None:
            await target.send(data)


def _scope_of(request: ForwardedRequest) -> dict[str, Any]:
    """Return the ASGI scope of a forwarded request. The origin of the page was checked before it was forwarded."""
    transport = "polling" if request.type == "http" else "websocket"
    scope: dict[str, Any] = {
        "type": request.type,
        "path": "/ws/socket.io/",
        "query_string": f"EIO=4&transport={transport}&sid={request.key}".encode(),
        "headers": [],
        "scheme": "http" if request.type == "http" else "ws",
        "client": (request.client, 0),
    }
    return scope | ({"method": request.method} if request.type == "http" else {})
