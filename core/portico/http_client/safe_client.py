"""The guarded client. It goes nowhere but out, brings back no more than was asked for, and says nothing of why not.

The address is checked where the socket is made, with what it is about to connect to. Whatever was resolved before, and
however the address was spelled, is of no matter.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

import aiohttp
import structlog
from yarl import URL

from portico.errors import FetchRefused
from portico.http_client.public_addresses import is_public
from portico.http_client.resolver import ThreadedResolver
from portico.settings.schema import FetchSettings

log = structlog.get_logger("portico.http_client")

MOST_HOPS = 5
LONGEST_URL = 4096
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
#: Headers that go along to another origin; what else a caller gives may be meant for the first one alone.
_HARMLESS = frozenset(("accept", "accept-language", "content-type", "user-agent"))
_DEFAULTS = {"User-Agent": "Portico", "Accept-Encoding": "identity"}


class FetchResult(NamedTuple):
    """What came back. `content_type`: without parameters, in lower case."""

    status: int
    content_type: str
    body: bytes


class FetchLimits(NamedTuple):
    """What will do as an answer. `largest`: bytes. `types`: media types; None = any."""

    largest: int
    types: Sequence[str] | None
    https_only: bool


class _PrivateAddress(OSError):
    """The address is not out in the world."""


class _Rejected(Exception):
    """A reason not to go on, for the log."""


class SafeHTTPClient:
    """Fetches for whoever asks, from the world outside and from what the operator named.

    Every refusal and every failure is the same FetchRefused: it tells nobody what is inside.
    """

    def __init__(self, settings: FetchSettings) -> None:
        self._networks = tuple(filter(None, map(_network, settings.allow)))
        self._hosts = frozenset(name.lower() for name in settings.allow if _network(name) is None)
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
        """What is at a web address.

        `largest`: bytes. `types`: media types that will do, such as `image/png`; None = any. `timeout`: seconds for
        all of it. `headers`: those that may be meant for this origin alone do not follow to another.
        Raises: FetchRefused.
        """
        wanted = FetchLimits(largest, types, https_only)
        return await self._request("GET", url, None, headers or {}, wanted, timeout=timeout)

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
        """Send a body, JSON unless `headers` say otherwise. It is not repeated to another origin. See `get`."""
        given = {"Content-Type": "application/json", **(headers or {})}
        wanted = FetchLimits(largest, types, https_only)
        return await self._request("POST", url, body, given, wanted, timeout=timeout)

    async def close(self) -> None:
        """Close what is open. It opens again when it is asked again."""
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
        wanted: FetchLimits,
        *,
        timeout: float,
    ) -> FetchResult:
        host = None
        try:
            at = _checked(url, wanted.https_only)
            async with asyncio.timeout(timeout):
                for _ in range(MOST_HOPS + 1):
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
                            return await _read(answer, wanted)
                    there = _checked(
                        at.join(URL(follow)), wanted.https_only or at.scheme == "https"
                    )
                    if answer.status not in (307, 308) and method == "POST":
                        method, body = "GET", None
                    if there.origin() != at.origin():
                        if body is not None:
                            raise _Rejected("it sends the body on to another origin")
                        headers = {n: v for n, v in headers.items() if n.lower() in _HARMLESS}
                    at = there
                raise _Rejected("too many redirects")
        except (_Rejected, aiohttp.ClientError, OSError, ValueError, TypeError) as error:
            why = str(error) if isinstance(error, _Rejected) else type(error).__name__
            log.info("fetch refused", host=host, why=why)
            raise FetchRefused from None

    def _session(self, named: bool) -> aiohttp.ClientSession:
        """One for hosts that the operator named, and one for all others. Neither keeps anything between two asks."""
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
                auto_decompress=False,  # a small answer stays small
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._sessions[named]

    def _open_socket(self, info: Any) -> socket.socket:
        """Called by aiohttp with the address that it connects to next."""
        family, kind, protocol, _, address = info
        if not is_public(address[0]) and not self._is_allowed(address[0]):
            raise _PrivateAddress
        return socket.socket(family, kind, protocol)

    def _is_allowed(self, text: str) -> bool:
        address = ip_address(text.partition("%")[0])
        return any(
            address.version == network.version and address in network for network in self._networks
        )


def _checked(url: str | URL, https_only: bool) -> URL:
    if not isinstance(url, URL) and (not isinstance(url, str) or len(url) > LONGEST_URL):
        raise _Rejected("no web address")
    url = URL(url)
    if url.scheme not in (("https",) if https_only else ("http", "https")) or not url.host:
        raise _Rejected("no web address, or not by HTTPS")
    if url.user is not None or url.password is not None:
        raise _Rejected("a name or password in the address")
    return url.with_fragment(None)


def _redirect(answer: aiohttp.ClientResponse) -> str | None:
    return answer.headers.get("Location") if answer.status in _REDIRECTS else None


async def _read(answer: aiohttp.ClientResponse, wanted: FetchLimits) -> FetchResult:
    kind = answer.content_type.lower()
    if wanted.types is not None and kind not in wanted.types:
        raise _Rejected("another media type")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _Rejected("it is compressed")
    if (answer.content_length or 0) > wanted.largest:
        raise _Rejected("too large")
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > wanted.largest:
            raise _Rejected("too large")
        parts.append(part)
    return FetchResult(answer.status, kind, b"".join(parts))


def _network(text: str) -> Any:
    try:
        return ip_network(text)
    except ValueError:
        return None
