"""Outgoing HTTP to addresses that the operator or an administrator chose, such as those of model sources."""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

from portico.http_client.http1 import (
    ConnectionBroken,
    ConnectionKey,
    ConnectionOpener,
    ConnectionPool,
    HTTPConnection,
    HTTPResponse,
    HTTPTarget,
    PreparedRequest,
    prepared_request,
)
from portico.http_client.limits import RequestLimits
from portico.http_client.network_rules import DEFAULT_PORTS, NetworkRules
from portico.settings.http_client import HTTPClientSettings
from portico.tracing import current_traceparent

if TYPE_CHECKING:
    import aiohttp

#: Seconds after which an unused connection is closed: most servers close theirs after five.
KEEP_ALIVE_SECONDS = 4.0
MAX_REDIRECTS = 5
#: Addresses that are kept as they were read. Beyond that all are read again.
MAX_TARGETS = 1000
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class OutgoingHTTP:
    """One pool of connections for all requests of an application.

    `rules`: the network rules that apply to all of them.
    """

    def __init__(self, settings: HTTPClientSettings | None = None) -> None:
        self.rules = NetworkRules(settings or HTTPClientSettings())
        self._opener = ConnectionOpener(self.rules)
        self._pool = ConnectionPool(KEEP_ALIVE_SECONDS)
        self._connections: WeakSet[HTTPConnection] = WeakSet()
        self._targets: dict[tuple[str, bool], HTTPTarget] = {}
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> "aiohttp.ClientSession":
        """Return the session for web sockets to other instances, without network rules. Callers set time limits."""
        if self._session is None:
            import aiohttp  # takes a tenth of a second, and most commands need no session

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def request(
        self,
        method: str,
        url: str,
        *,
        limits: RequestLimits,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
        verify_tls: bool = True,
        follow_redirects: bool = False,
    ) -> HTTPResponse:
        """Send a request. Return its response as soon as the headers are read; the caller closes it.

        `body`: a file is read to its end, and closed. `follow_redirects`: follow those to the same origin; no others are
        followed, since the headers may hold a key, which is for this origin only.
        Raises: HTTPClientError, TimeoutError; ValueError if the address or a header cannot be sent.
        """
        redirects = MAX_REDIRECTS - 1 if follow_redirects else 0
        while True:
            request = self.prepare(method, url, headers, verify_tls=verify_tls)
            response = await self.send(request, body, limits)
            target = _redirect_target(url, response) if redirects else None
            if target is None:
                return response
            response.close()
            url, redirects = target, redirects - 1

    def prepare(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        verify_tls: bool = True,
    ) -> PreparedRequest:
        """Return a request without its body, which can be sent many times. Raises: ValueError if it cannot be sent."""
        return prepared_request(method, self._target(url, verify_tls), headers or {})

    async def send(
        self, request: PreparedRequest, body: bytes | BinaryIO | None, limits: RequestLimits
    ) -> HTTPResponse:
        """Send a request as `request` does. Raises: HTTPClientError, TimeoutError.

        A reused connection that breaks before the first byte of the response says nothing about the request: it is then
        sent once more, on a new connection.
        """
        if body is not None and not isinstance(body, bytes):
            return await self._send_file(request, body, limits)
        traceparent = current_traceparent()
        if traceparent:
            request = request.with_header("traceparent", traceparent)
        data = request.head(None if body is None else len(body))
        if body:
            data += body
        connection = self._pool.take(request.key)
        while True:
            if connection is None:
                connection = await self._open(request.key, limits, self._pool.put)
            response = connection.begin(data, limits)
            try:
                await response.wait_for_head()
            except ConnectionBroken:
                if not connection.is_reused or response.has_begun:
                    raise
                connection = None
            except BaseException:
                response.close()
                raise
            else:
                return response

    async def close(self) -> None:
        """Close all connections, also those in use. A later request opens new ones."""
        self._pool.close()
        for connection in list(self._connections):
            connection.close()
        await asyncio.sleep(0)  # transports are closed by the event loop
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send_file(
        self, request: PreparedRequest, file: BinaryIO, limits: RequestLimits
    ) -> HTTPResponse:
        """Send a request whose body is a file, on a connection of its own: it could not be sent twice."""
        with file:
            size = os.fstat(file.fileno()).st_size - file.tell()
            connection = await self._open(request.key, limits, None)
            response = connection.begin(request.head(size), limits)
            try:
                await connection.write_file(file, response)
                await response.wait_for_head()
            except BaseException:
                response.close()
                raise
            return response

    async def _open(
        self,
        key: ConnectionKey,
        limits: RequestLimits,
        on_idle: Callable[[HTTPConnection], None] | None,
    ) -> HTTPConnection:
        connection = await self._opener.open(key, limits, on_idle)
        self._connections.add(connection)
        return connection

    def _target(self, url: str, verify_tls: bool) -> HTTPTarget:
        target = self._targets.get((url, verify_tls))
        if target is None:
            if len(self._targets) >= MAX_TARGETS:
                self._targets.clear()
            target = HTTPTarget.of(url, self.rules.proxy_for(url), verify_tls=verify_tls)
            self._targets[url, verify_tls] = target
        return target


def _redirect_target(url: str, response: HTTPResponse) -> str | None:
    """Return where a response redirects to; None if it does not, or to another origin, or to what is no address."""
    if response.status not in _REDIRECTS:
        return None
    try:
        target = urljoin(url, response.headers.get("location", ""))
        return target if _origin(target) == _origin(url) else None
    except ValueError:
        return None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    address = urlsplit(url)
    try:
        port = address.port or DEFAULT_PORTS.get(address.scheme)
    except ValueError:
        port = None
    return address.scheme, address.hostname, port
