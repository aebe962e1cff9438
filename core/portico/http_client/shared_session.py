"""The HTTP session for addresses that the operator chose, such as those of model sources."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


class SharedSession:
    """One session for all requests of an application, created on first use."""

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None

    def session(self) -> "aiohttp.ClientSession":
        """Return the session. It has no time limits: callers set one for each request."""
        if self._client is None:
            import aiohttp  # takes a tenth of a second, and most commands need no session

            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._client

    async def close(self) -> None:
        """Close the session. A later call of `session` creates another."""
        if self._client is not None:
            await self._client.close()
            self._client = None
