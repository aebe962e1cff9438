"""Passes requests to the instance that owns their connection, and its responses to the client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final

import structlog

from portico.errors import InvalidRequest, Unavailable
from portico.instances import InstanceAddress, find_address
from portico.settings.sockets import SocketSettings
from portico.sockets.counters import SocketCounters
from portico.sockets.endpoint import INVALID_SESSION
from portico.sockets.forwarding.forwarded_request import (
    FORWARDED_PATH,
    SEALED_HEADER,
    ForwardedRequest,
    RequestSigner,
    owner_of,
)
from portico.sockets.forwarding.tunnel import (
    MAX_MESSAGE_BYTES,
    RELEASE,
    ClientTunnel,
    Tunnel,
    TunnelClosed,
    decode_message,
    encode_message,
    open_unix_tunnel,
)
from portico.tracing import current_traceparent
from portico.web.middleware.proxies import client_address
from portico.web.middleware.request_context import REQUEST, SOCKET_TRACE_KEY

if TYPE_CHECKING:
    import aiohttp
    from litestar.types import Receive, Scope, Send

log = structlog.get_logger("portico.sockets")

#: Seconds in which the owner must take the connection.
CONNECT_SECONDS: Final = 5.0
#: Instances whose address is remembered.
MAX_KNOWN: Final = 1000
#: Seconds that a poll may take longer than the client waits for it.
_POLL_MARGIN_SECONDS: Final = 15.0
#: Seconds between two pings on a web socket to another machine.
_HEARTBEAT_SECONDS: Final = 15.0
OTHER_MACHINE: Final = (
    "This connection belongs to a server on another machine. Set server.instance_url on each server, or have the load "
    "balancer send all requests of a client to the same server."
)


class Forwarder:
    """Forwards requests of connections that other instances own."""

    def __init__(
        self,
        instance_id: str,
        signer: RequestSigner,
        settings: SocketSettings,
        counters: SocketCounters,
        http_session: Callable[[], aiohttp.ClientSession],
    ) -> None:
        self._instance_id, self._signer, self._http_session = instance_id, signer, http_session
        self._max_bytes = settings.max_payload_bytes
        self._poll_seconds = settings.ping_interval + settings.ping_timeout + _POLL_MARGIN_SECONDS
        self._known: dict[str, InstanceAddress] = {}
        self._open: set[Tunnel] = set()
        self._releasing: set[asyncio.Task[None]] = set()
        self._counters = counters

    async def forward(self, key: str, scope: Scope, receive: Receive, send: Send) -> bool:
        """Forward a request of the connection with this Engine.IO id. Return False if no other instance owns it.

        Raises: InvalidRequest if the owner cannot be reached, or ends before it has answered.
        """
        owner = owner_of(key)
        if not owner or owner == self._instance_id:
            return False
        is_websocket = scope["type"] == "websocket"  # type: ignore[comparison-overlap]
        request = ForwardedRequest(
            "websocket" if is_websocket else "http",
            str(scope.get("method", "GET")),
            key,
            client_address(scope),
            REQUEST.get()[0],
            current_traceparent() or str(scope.get(SOCKET_TRACE_KEY, "")),
        )
        async with self._connect(owner, self._signer.seal(request, owner)) as tunnel:
            if tunnel is None:
                return False
            self._counters.forwarded += 1
            limit = None if is_websocket else self._poll_seconds
            bridge = _Bridge(tunnel, receive, send, self._max_bytes, is_websocket=is_websocket)
            try:
                async with asyncio.timeout(limit):
                    await bridge.run()
            except TimeoutError:
                log.warning("owner of a socket does not answer", instance=owner)
            await bridge.finish()
        return True

    def release(self) -> None:
        """Have the owners answer the polls that wait, and end web sockets: this process stops."""
        for tunnel in self._open:
            task = asyncio.create_task(_release(tunnel))
            self._releasing.add(task)
            task.add_done_callback(self._releasing.discard)

    @contextlib.asynccontextmanager
    async def _connect(self, owner: str, sealed: str) -> AsyncIterator[Tunnel | None]:
        """Open a tunnel to an instance; None if it is not alive. Raises: InvalidRequest."""
        address = await self._address_of(owner)
        tunnel = None if address is None else await self._open_tunnel(address, sealed)
        if tunnel is None:
            yield None
            return
        self._open.add(tunnel)
        try:
            yield tunnel
        finally:
            self._open.discard(tunnel)
            await tunnel.close()

    async def _address_of(self, owner: str) -> InstanceAddress | None:
        """Return the address of a live instance; while the database is unavailable the last known one.

        Raises: Unavailable if none is known.
        """
        try:
            address = await find_address(owner)
        except Unavailable:
            if owner not in self._known:
                raise
            return self._known[owner]
        self._known.pop(owner, None)
        if address is not None:
            self._known[owner] = address
            if len(self._known) > MAX_KNOWN:
                del self._known[next(iter(self._known))]
        return address

    async def _open_tunnel(self, address: InstanceAddress, sealed: str) -> Tunnel | None:
        """Return a tunnel; None if the instance does not take it. Raises: InvalidRequest."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if address.socket_path:
                    with contextlib.suppress(FileNotFoundError, PermissionError):
                        return await open_unix_tunnel(address.socket_path, sealed)
                if address.url:
                    return await self._by_url(address.url, sealed)
        except (OSError, TunnelClosed) as error:
            log.warning("owner of a socket not reached", error=type(error).__name__)
            return None
        raise InvalidRequest(OTHER_MACHINE)

    async def _by_url(self, url: str, sealed: str) -> Tunnel:
        """Raises: OSError, TunnelClosed if the other end refuses the request."""
        import aiohttp

        try:
            socket = await self._http_session().ws_connect(
                url + FORWARDED_PATH,
                headers={SEALED_HEADER: sealed},
                heartbeat=_HEARTBEAT_SECONDS,
                max_msg_size=MAX_MESSAGE_BYTES,
            )
        except aiohttp.ClientError as error:
            raise TunnelClosed from error
        return ClientTunnel(socket)


class _Bridge:
    """Copies the ASGI messages of one request between the client and the tunnel."""

    def __init__(
        self,
        tunnel: Tunnel,
        receive: Receive,
        send: Send,
        max_bytes: int,
        *,
        is_websocket: bool,
    ) -> None:
        self._tunnel, self._receive, self._send = tunnel, receive, send
        self._max_bytes, self._is_websocket = max_bytes, is_websocket
        self._has_begun = self._is_over = False

    async def run(self) -> None:
        """Copy until the response is complete, or the owner ends the tunnel."""
        copying = asyncio.create_task(self._copy_from_client())
        try:
            while not self._is_over and (data := await self._tunnel.receive()) is not None:
                message = decode_message(data)
                self._has_begun = True
                self._is_over = _is_last(message)
                await self._send_to_client(message)
        except TunnelClosed:
            return
        finally:
            copying.cancel()
            await asyncio.wait({copying})
        if not copying.cancelled() and not self._has_begun and (error := copying.exception()):
            raise error  # the client sends its body too slowly, for example

    async def finish(self) -> None:
        """End a response that the owner has not ended. Raises: InvalidRequest where it has not begun."""
        if self._is_over:
            return
        if not self._has_begun:
            raise InvalidRequest(INVALID_SESSION)
        if self._is_websocket:
            await self._send_to_client({"type": "websocket.close", "code": 1001, "reason": ""})

    async def _send_to_client(self, message: Any) -> None:
        try:
            await self._send(message)
        except Exception:  # which one depends on the server
            if not self._is_websocket:
                raise
            self._is_over = True  # the client has gone, or does not read

    async def _copy_from_client(self) -> None:
        size = 0
        try:
            while True:
                message: Any = await self._receive()
                size += len(message.get("body", b""))
                text = message.get("text") or message.get("bytes") or ""
                if len(text) > self._max_bytes:
                    message = {"type": "websocket.disconnect", "code": 1009}
                await self._tunnel.send(encode_message(message))
                # The owner refuses a body that is too large when it has the first block beyond the limit.
                if message["type"].endswith(".disconnect") or size > self._max_bytes:
                    return
        except TunnelClosed:
            return
        except BaseException:
            await self._tunnel.close()
            raise


async def _release(tunnel: Tunnel) -> None:
    with contextlib.suppress(TunnelClosed):
        await tunnel.send(RELEASE)


def _is_last(message: Any) -> bool:
    kind = message["type"]
    if kind.endswith("response.body"):
        return not message.get("more_body", False)
    return bool(kind == "websocket.close")
