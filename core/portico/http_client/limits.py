"""Time limits of outgoing requests."""

import math
from typing import NamedTuple

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
        return self._replace(first_byte=min(self.first_byte, self.idle), idle=math.inf)
