"""The client session for the addresses that the operator chose, such as those of model sources."""

import aiohttp


class SharedSession:
    """One for all requests of this process, made when it is first asked for."""

    def __init__(self) -> None:
        self._client: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """It. Time limits are the caller's business, request by request."""
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._client

    async def close(self) -> None:
        """Hang up. The next who asks gets a new one."""
        if self._client is not None:
            await self._client.close()
            self._client = None
