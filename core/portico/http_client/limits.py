"""Time limits of outgoing requests."""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import aiohttp

#: Seconds until the first byte of an answer, and without a byte, if the operator chose nothing.
DEFAULT_SECONDS = 300.0


class RequestLimits(NamedTuple):
    """Seconds: to connect; until the first byte; without a byte; for the whole request (None = no limit)."""

    connect: float = 10.0
    first_byte: float = DEFAULT_SECONDS
    idle: float = DEFAULT_SECONDS
    total: float | None = None

    @classmethod
    def chosen(
        cls,
        *,
        connect: float,
        first_byte: float | None = None,
        idle: float | None = None,
        total: float | None = None,
    ) -> "RequestLimits":
        """Return the limits of settings, where None = not set: then 300 s, or the limit of the whole request if that is longer.

        So a request that the operator allowed an hour does not end after five minutes.
        """
        default = max(DEFAULT_SECONDS, total or 0.0)
        return cls(
            connect,
            default if first_byte is None else first_byte,
            default if idle is None else idle,
            total,
        )

    def unwatched(self) -> "RequestLimits":
        """Return these limits without the one without a byte, for a caller that applies it itself."""
        return self._replace(idle=math.inf)

    def as_timeout(self) -> "aiohttp.ClientTimeout":
        """Return the limits that aiohttp applies: all but the one until the first byte."""
        import aiohttp

        return aiohttp.ClientTimeout(
            total=self.total,
            sock_connect=self.connect,
            sock_read=self.idle if math.isfinite(self.idle) else None,
        )
