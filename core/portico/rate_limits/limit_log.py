"""Logs each limit that is reached once; further refusals are not logged until it allows attempts again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import structlog

from portico.rate_limits.rules import RateLimit

MAX_TRACKED_LIMITS = 10_000

log = structlog.get_logger("portico.rate_limits")


class LimitLog:
    """Remembers which limits are reached."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: End of the limit by key.
        self._reached: OrderedDict[str, float] = OrderedDict()

    def reached(
        self, endpoint: str, address: str, full: Sequence[RateLimit], waits: Sequence[float]
    ) -> None:
        """Log a refused attempt. `full`: the limits that are reached; `waits`: seconds, 0 for other limits."""
        now, seconds = self._clock(), [wait for wait in waits if wait > 0]
        for limit, wait in zip(full, seconds, strict=True):
            is_logged = self._reached.get(limit.key, 0.0) > now
            self._reached[limit.key] = now + wait
            self._reached.move_to_end(limit.key)
            if not is_logged:
                # The key begins with what is limited; the rest of it is a digest.
                kind = limit.key.partition(":")[0]
                log.warning(
                    "limit reached",
                    limit=kind,
                    endpoint=endpoint,
                    attempts=limit.limit,
                    window_seconds=limit.window,
                    client=address,
                    own_line=True,
                )
        while len(self._reached) > MAX_TRACKED_LIMITS:
            self._reached.popitem(last=False)
