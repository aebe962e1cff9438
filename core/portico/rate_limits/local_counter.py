"""Counts the attempts of this process in memory, with a monotonic clock."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from portico.rate_limits.rules import RateLimit

#: Beyond this number the keys used longest ago are dropped, even if they are full.
MAX_KEYS = 100_000
#: Keys that an attempt adds at most.
KEYS_PER_ATTEMPT = 3


class LocalCounter:
    """Counts an attempt against several limits at once, or against none."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, max_keys: int = MAX_KEYS
    ) -> None:
        self._clock = clock
        self._max_keys = max_keys
        #: Times by attempt, by key; the keys used longest ago first.
        self._attempts: OrderedDict[str, dict[str, float]] = OrderedDict()
        #: When the last attempt of a key stops counting.
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    def reserve(self, limits: Sequence[RateLimit], attempt: str) -> list[float]:
        """Count an attempt. Shape: for each limit the seconds until it allows an attempt; all 0 = it was counted."""
        now = self._clock()
        waits = [self._wait(limit, now) for limit in limits]
        if not any(waits):
            for limit in limits:
                self._attempts.setdefault(limit.key, {})[attempt] = now
                self._attempts.move_to_end(limit.key)
                self._until[limit.key] = now + limit.window
            self._sweep(now)
            while len(self._attempts) > self._max_keys:
                self._drop(next(iter(self._attempts)))
        return waits

    def _sweep(self, now: float) -> None:
        """Drop expired keys among those used longest ago; more of them than an attempt adds.

        A key with a long window delays the removal of those behind it.
        """
        for _ in range(2 * KEYS_PER_ATTEMPT):
            key = next(iter(self._attempts), None)
            if key is None or self._until[key] > now:
                return
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._attempts.pop(key, None)
        self._until.pop(key, None)

    def refund(self, keys: Sequence[str], attempt: str) -> None:
        """Do not count an attempt any more."""
        for key in keys:
            attempts = self._attempts.get(key, {})
            attempts.pop(attempt, None)
            if not attempts:
                self._drop(key)

    def _wait(self, limit: RateLimit, now: float) -> float:
        attempts = self._attempts.get(limit.key)
        if not attempts:
            return 0.0
        self._attempts.move_to_end(limit.key)
        for attempt, at in list(attempts.items()):
            if now - at < limit.window:
                break  # in chronological order
            del attempts[attempt]
        if len(attempts) < limit.limit:
            return 0.0
        return next(iter(attempts.values())) + limit.window - now
