"""Time limits of outgoing requests."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import aiohttp


class RequestLimits(NamedTuple):
    """Seconds: to connect; until the first byte; without a byte; for the whole request (None = no limit)."""

    connect: float = 10.0
    first_byte: float = 300.0
    idle: float = 300.0
    total: float | None = None

    def as_timeout(self) -> "aiohttp.ClientTimeout":
        """Return the limits that aiohttp applies: all but the one until the first byte."""
        import aiohttp

        return aiohttp.ClientTimeout(
            total=self.total, sock_connect=self.connect, sock_read=self.idle
        )
