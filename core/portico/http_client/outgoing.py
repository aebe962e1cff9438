"""Outgoing HTTP to addresses that the operator or an administrator chose, such as those of model sources."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from portico.context import ContextValue
from portico.http_client.limits import RequestLimits
from portico.http_client.network_rules import DEFAULT_PORTS, NetworkRules
from portico.settings.http_client import HTTPClientSettings

if TYPE_CHECKING:
    import aiohttp

#: Seconds after which an unused connection is closed: most servers close theirs after five.
KEEP_ALIVE_SECONDS = 4.0
#: Bytes of one header of a response, and of its first line.
MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 512
MAX_REDIRECTS = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class OutgoingHTTP:
    """One pool of connections for all requests of an application, created on first use.

    `rules`: the network rules that apply to all of them.
    """

    def __init__(self, settings: HTTPClientSettings | None = None) -> None:
        self.rules = NetworkRules(settings or HTTPClientSettings())
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    def session(self) -> "aiohttp.ClientSession":
        """Return the session without network rules, for requests to other instances. Callers set time limits."""
        return self._session(reuse=True)

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
    ) -> "aiohttp.ClientResponse":
        """Send a request. Return its response as soon as the headers are read; the caller closes it.

        A reused connection that breaks before the first byte of the response says nothing about the request: it is then sent
        once more, on a new connection. `follow_redirects`: follow those to the same origin; no others are followed, since
        the headers may hold a key, which is for this origin only. Raises: aiohttp.ClientError, TimeoutError.
        """
        options = {"timeout": limits.as_timeout(), "data": body, "headers": headers}
        for _ in range(MAX_REDIRECTS):
            response = await self._send(method, url, options, verify_tls=verify_tls)
            target = urljoin(url, response.headers.get("Location", ""))
            is_redirect = response.status in _REDIRECTS and follow_redirects
            if not (is_redirect and _origin(target) == _origin(url)):
                break
            response.release()
            url = target
        return response

    async def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _send(
        self, method: str, url: str, options: dict[str, Any], *, verify_tls: bool
    ) -> "aiohttp.ClientResponse":
        import aiohttp

        from portico.http_client.noting_connector import CURRENT, ConnectionUse

        options = {
            **options,
            "allow_redirects": False,
            "proxy": self.rules.proxy_for(url),
            "ssl": self.rules.tls_context
            if verify_tls and url[:6].lower() == "https:"
            else verify_tls,
        }
        session, use = self._session(reuse=True), ConnectionUse()
        with ContextValue(CURRENT, use):
            try:
                return await session.request(method, url, **options)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                has_begun = not isinstance(getattr(error, "message", ""), str)
                is_refused = isinstance(error, aiohttp.ClientConnectorError)
                if use.is_new or has_begun or is_refused:
                    raise
        return await self._session(reuse=False).request(method, url, **options)

    def _session(self, *, reuse: bool) -> "aiohttp.ClientSession":
        """Return the session that keeps connections for the next request, or that which always opens a new one."""
        if reuse not in self._sessions:
            import aiohttp  # takes a tenth of a second, and most commands need no session

            from portico.http_client.noting_connector import NotingConnector

            pool: dict[str, Any] = (
                {"keepalive_timeout": KEEP_ALIVE_SECONDS} if reuse else {"force_close": True}
            )
            self._sessions[reuse] = aiohttp.ClientSession(
                connector=NotingConnector(limit=0, ttl_dns_cache=60, **pool),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
                max_headers=MAX_HEADERS,
            )
        return self._sessions[reuse]


def _origin(url: str) -> tuple[str, str | None, int | None]:
    address = urlsplit(url)
    try:
        port = address.port or DEFAULT_PORTS.get(address.scheme)
    except ValueError:
        port = None
    return address.scheme, address.hostname, port
