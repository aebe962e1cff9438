"""The SSRF-safe HTTP client: connects to public addresses and to `http_client.allowed_hosts` only, and limits what it reads.

The address is checked when the socket is created, with the address it is about to connect to. So neither the spelling
of the URL nor a name that resolves differently the second time matters.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from yarl import URL

from portico.errors import FetchRefused
from portico.http_client.failure import failure_reason
from portico.http_client.public_addresses import is_public
from portico.settings.http_client import HTTPClientSettings

if TYPE_CHECKING:
    import aiohttp

    from portico.http_client.resolver import ThreadedResolver

log = structlog.get_logger("portico.http_client")

MAX_REDIRECTS = 5
MAX_URL_CHARS = 4096
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
#: Headers that are sent to another origin after a redirect; others may be meant for the first origin alone.
_HARMLESS = frozenset(("accept", "accept-language", "content-type", "user-agent"))
_DEFAULTS = {"User-Agent": "Portico", "Accept-Encoding": "identity"}


class FetchResult(NamedTuple):
    """The response. `content_type`: without parameters, in lower case."""

    status: int
    content_type: str
    body: bytes


class FetchLimits(NamedTuple):
    """Limits of one request. `largest`: bytes of the response. `types`: accepted media types; None = any."""

    largest: int
    types: Sequence[str] | None
    https_only: bool


class _PrivateAddress(OSError):
    """The address is not public and not allowed."""


class _Rejected(Exception):
    """The reason why a request is refused, for the log."""


class SafeHTTPClient:
    """Fetches URLs that users choose, from public addresses and from what the operator lists in `http_client.allowed_hosts`.

    Every refusal and every failure is the same FetchRefused, so that nothing about the internal network is revealed.
    """

    def __init__(self, settings: HTTPClientSettings) -> None:
        self._networks = tuple(filter(None, map(_network, settings.allowed_hosts)))
        self._hosts = frozenset(
            name.lower() for name in settings.allowed_hosts if _network(name) is None
        )
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._names: ThreadedResolver | None = None

    async def get(
        self,
        url: str,
        *,
        largest: int,
        types: Sequence[str] | None = None,
        timeout: float = 10.0,
        headers: Mapping[str, str] | None = None,
        https_only: bool = False,
    ) -> FetchResult:
        """Fetch a URL.

        `largest`: bytes. `types`: accepted media types, such as `image/png`; None = any. `timeout`: seconds for the
        whole request. `headers`: after a redirect to another origin only harmless ones are sent.
        Raises: FetchRefused.
        """
        limits = FetchLimits(largest, types, https_only)
        return await self._request("GET", url, None, headers or {}, limits, timeout=timeout)

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        largest: int = 64 * 1024,
        types: Sequence[str] | None = None,
        timeout: float = 10.0,
        headers: Mapping[str, str] | None = None,
        https_only: bool = False,
    ) -> FetchResult:
        """Send a body, JSON unless `headers` say otherwise. It is not sent to another origin. See `get`."""
        given = {"Content-Type": "application/json", **(headers or {})}
        limits = FetchLimits(largest, types, https_only)
        return await self._request("POST", url, body, given, limits, timeout=timeout)

    async def send(
        self,
        url: str,
        body: bytes,
        *,
        timeout: float = 10.0,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Send a body, JSON unless `headers` say otherwise, and return the status of the response.

        For notifications: nothing of the response's content is read, and no redirect is followed, since most redirects
        turn a POST into a GET. `timeout`: seconds until the status. Raises: FetchRefused.
        """
        import aiohttp

        host = None
        given = {**_DEFAULTS, "Content-Type": "application/json", **(headers or {})}
        try:
            at = _checked(url, False)
            host = at.host
            async with (
                asyncio.timeout(timeout),
                self._session(host in self._hosts).post(
                    at, data=body, headers=given, allow_redirects=False
                ) as answer,
            ):
                return answer.status
        except (_Rejected, aiohttp.ClientError, OSError, ValueError, TypeError) as error:
            raise _refused(host, error) from None

    @contextlib.asynccontextmanager
    async def download(
        self, url: str, *, idle: float = 60.0, https_only: bool = True
    ) -> AsyncIterator["aiohttp.ClientResponse"]:
        """Open the response to a GET, for a file that is too large to hold. The caller reads `content` inside the block.

        Redirects are followed, to HTTPS only if `https_only`. `idle`: seconds without a byte. Raises: FetchRefused, also
        for another status than 200 and for what goes wrong while the caller reads.
        """
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=idle, sock_read=idle)
        host = None
        try:
            at = _checked(url, https_only)
            for _ in range(MAX_REDIRECTS + 1):
                host = at.host
                async with self._session(host in self._hosts).get(
                    at, headers=_DEFAULTS, allow_redirects=False, timeout=timeout
                ) as answer:
                    follow = _redirect(answer)
                    if follow is None:
                        if answer.status != 200:
                            raise _Rejected(f"status {answer.status}")
                        yield answer
                        return
                at = _checked(at.join(URL(follow)), https_only or at.scheme == "https")
            raise _Rejected("too many redirects")
        except (_Rejected, aiohttp.ClientError, OSError, ValueError, TypeError) as error:
            raise _refused(host, error) from None

    async def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        if self._names is not None:
            await self._names.close()
            self._names = None

    async def _request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        limits: FetchLimits,
        *,
        timeout: float,
    ) -> FetchResult:
        import aiohttp

        host = None
        try:
            at = _checked(url, limits.https_only)
            async with asyncio.timeout(timeout):
                for _ in range(MAX_REDIRECTS + 1):
                    host = at.host
                    async with self._session(host in self._hosts).request(
                        method,
                        at,
                        data=body,
                        headers={**_DEFAULTS, **headers},
                        allow_redirects=False,
                    ) as answer:
                        follow = _redirect(answer)
                        if follow is None:
                            return await _read(answer, limits)
                    there = _checked(
                        at.join(URL(follow)), limits.https_only or at.scheme == "https"
                    )
                    if answer.status not in (307, 308) and method == "POST":
                        method, body = "GET", None
                    if there.origin() != at.origin():
                        if body is not None:
                            raise _Rejected("a redirect to another origin with a body")
                        headers = {n: v for n, v in headers.items() if n.lower() in _HARMLESS}
                    at = there
                raise _Rejected("too many redirects")
        except (_Rejected, aiohttp.ClientError, OSError, ValueError, TypeError) as error:
            raise _refused(host, error) from None

    def _session(self, named: bool) -> "aiohttp.ClientSession":
        """Return the session for hosts in `http_client.allowed_hosts`, or that for all others. Both keep no connections or cookies."""
        import aiohttp

        from portico.http_client.resolver import ThreadedResolver

        self._names = self._names or ThreadedResolver()
        if named not in self._sessions:
            connector = aiohttp.TCPConnector(
                limit=32,
                resolver=self._names,
                force_close=True,
                use_dns_cache=False,
                socket_factory=None if named else self._open_socket,
            )
            self._sessions[named] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,  # a small response must not become large
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._sessions[named]

    def _open_socket(self, info: Any) -> socket.socket:
        """Create the socket for an address. Called by aiohttp before it connects. Raises: _PrivateAddress."""
        family, kind, protocol, _, address = info
        if not is_public(address[0]) and not self._is_allowed(address[0]):
            raise _PrivateAddress
        return socket.socket(family, kind, protocol)

    def _is_allowed(self, text: str) -> bool:
        address = ip_address(text.partition("%")[0])
        return any(
            address.version == network.version and address in network for network in self._networks
        )


def _refused(host: str | None, error: Exception) -> FetchRefused:
    """Log why a request was refused or has failed, and return what is raised instead."""
    reason = str(error) if isinstance(error, _Rejected) else failure_reason(error)
    log.info("fetch refused", host=host, reason=reason)
    return FetchRefused()


def _checked(url: str | URL, https_only: bool) -> URL:
    if not isinstance(url, URL) and (not isinstance(url, str) or len(url) > MAX_URL_CHARS):
        raise _Rejected("not a URL, or too long")
    url = URL(url)
    if url.scheme not in (("https",) if https_only else ("http", "https")) or not url.host:
        raise _Rejected("not an HTTP URL, or not HTTPS")
    if url.user is not None or url.password is not None:
        raise _Rejected("a user name or password in the URL")
    return url.with_fragment(None)


def _redirect(answer: "aiohttp.ClientResponse") -> str | None:
    return answer.headers.get("Location") if answer.status in _REDIRECTS else None


async def _read(answer: "aiohttp.ClientResponse", limits: FetchLimits) -> FetchResult:
    kind = answer.content_type.lower()
    if limits.types is not None and kind not in limits.types:
        raise _Rejected("another media type")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _Rejected("it is compressed")
    if (answer.content_length or 0) > limits.largest:
        raise _Rejected("too large")
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > limits.largest:
            raise _Rejected("too large")
        parts.append(part)
    return FetchResult(answer.status, kind, b"".join(parts))


def _network(text: str) -> Any:
    try:
        return ip_network(text)
    except ValueError:
        return None
