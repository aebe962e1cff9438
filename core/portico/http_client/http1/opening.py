"""Opens connections: names, addresses of both families, proxies, TLS."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, cast

from aiohappyeyeballs import start_connection
from yarl import URL

from portico.cache import TTLCache
from portico.http_client.http1.connection import HTTPConnection
from portico.http_client.http1.errors import ConnectFailed, HTTPClientError, ProxyRefusal
from portico.http_client.http1.target import ConnectionKey, proxy_authorization
from portico.http_client.limits import RequestLimits
from portico.http_client.network_rules import DEFAULT_PORTS, NetworkRules

#: Seconds for which the addresses of a name are kept.
NAME_SECONDS = 60.0
#: Seconds until the next address is tried as well. Source: RFC 8305, 5.
NEXT_ADDRESS_SECONDS = 0.25

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


class ConnectionOpener:
    """Opens connections by the network rules."""

    def __init__(self, rules: NetworkRules) -> None:
        self._rules = rules
        self._names: TTLCache[tuple[str, int], Sequence[AddressInfo]] = TTLCache(NAME_SECONDS)
        self._lookups: dict[tuple[str, int], asyncio.Task[Sequence[AddressInfo] | None]] = {}

    async def open(
        self,
        key: ConnectionKey,
        limits: RequestLimits,
        on_idle: Callable[[HTTPConnection], None] | None,
    ) -> HTTPConnection:
        """Open a connection. Raises: TimeoutError, HTTPClientError."""
        connection = HTTPConnection(key, on_idle)
        try:
            async with asyncio.timeout(limits.connect):
                await self._open(connection, limits)
        except (TimeoutError, HTTPClientError):
            connection.close()
            raise
        except (OSError, ValueError) as error:
            connection.close()
            raise ConnectFailed("no connection could be opened") from error
        except BaseException:
            connection.close()
            raise
        connection.is_ready = True
        return connection

    async def _open(self, connection: HTTPConnection, limits: RequestLimits) -> None:
        key = connection.key
        tls = self._tls(key.verify_tls) if key.scheme == "https" else None
        if key.proxy is None:
            await self._connect(connection, key.host, key.port, tls)
            return
        proxy = URL(key.proxy)
        proxy_tls = self._rules.tls_context if proxy.scheme == "https" else None
        port = proxy.port or DEFAULT_PORTS["http"]
        await self._connect(connection, proxy.raw_host or "", port, proxy_tls)
        if tls is not None:
            await _open_tunnel(connection, proxy, limits)
            await _encrypt(connection, tls)

    def _tls(self, verify: bool) -> ssl.SSLContext:
        return self._rules.tls_context if verify else self._rules.unverified_tls_context

    async def _connect(
        self, connection: HTTPConnection, host: str, port: int, tls: ssl.SSLContext | None
    ) -> None:
        found = _literal(host, port) or await self._addresses((host, port))
        opened = await start_connection(
            cast("Any", found or ()),
            loop=connection.loop,
            happy_eyeballs_delay=NEXT_ADDRESS_SECONDS,
            interleave=1,
        )
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await connection.loop.create_connection(
                lambda: connection,
                sock=opened,
                ssl=tls,
                server_hostname=host.rstrip(".") if tls else None,
            )
        except BaseException:
            opened.close()
            raise

    async def _addresses(self, name: tuple[str, int]) -> Sequence[AddressInfo] | None:
        """Return the addresses of a name, which is looked up once for all who wait for it. Raises: OSError."""
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = asyncio.ensure_future(self._names.get_or_load(name, _look_up))
            self._lookups[name] = lookup
            lookup.add_done_callback(lambda _: self._lookups.pop(name, None))
        return await asyncio.shield(lookup)


async def _look_up(address: tuple[str, int]) -> Sequence[AddressInfo]:
    """Return the addresses of a name. Raises: OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(
        *address, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return cast("Sequence[AddressInfo]", found)


def _literal(host: str, port: int) -> Sequence[AddressInfo]:
    """Return the address that a host is, without asking a name server; empty if it is a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        rest = (0, 0) if family == socket.AF_INET6 else ()
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, *rest))]
    return ()


async def _open_tunnel(connection: HTTPConnection, proxy: URL, limits: RequestLimits) -> None:
    """Let a proxy connect to the server (RFC 9110, 9.3.6). Raises: ProxyRefusal."""
    key = connection.key
    host = f"[{key.host}]" if ":" in key.host else key.host
    authority = f"{host}:{key.port}"
    head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{proxy_authorization(proxy)}\r\n"
    response = connection.begin(head.encode(), limits)
    await response.wait_for_head()
    if not response.ok:
        raise ProxyRefusal(f"the proxy answered {response.status}")
    response.hand_over()


async def _encrypt(connection: HTTPConnection, tls: ssl.SSLContext) -> None:
    transport = await connection.loop.start_tls(
        connection.transport, connection, tls, server_hostname=connection.key.host.rstrip(".")
    )
    if transport is None:
        raise ConnectFailed("the connection was lost")
    connection.use_transport(transport)
