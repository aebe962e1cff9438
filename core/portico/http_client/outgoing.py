"""Outgoing HTTP to addresses that the operator or an administrator chose, such as those of model sources."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

    from portico.http_client.limits import RequestLimits


class OutgoingHTTP:
    """One pool of connections for all requests of an application, created on first use."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> "aiohttp.ClientSession":
        """Return the session without network rules, for requests to other instances. Callers set time limits."""
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
        limits: "RequestLimits",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        verify_tls: bool = True,
    ) -> "aiohttp.ClientResponse":
        """Send a request. Return its response as soon as the headers are read; the caller closes it.

        Redirects are not followed: the headers may hold a key, which is for this address only.
        Raises: aiohttp.ClientError, TimeoutError.
        """
        options: dict[str, Any] = {"timeout": limits.as_timeout(), "ssl": verify_tls}
        return await self.session().request(
            method, url, data=body, headers=headers, allow_redirects=False, **options
        )

    async def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None
