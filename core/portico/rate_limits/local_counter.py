"""The tries of this process: what was tried when, by key. Measured with a clock that nobody sets."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from portico.rate_limits.rules import RateLimit

#: Keys. Beyond that, those are forgotten that nobody has tried for longest, however full they are.
MOST_KEYS = 100_000
#: Keys that a try adds at most.
SWEPT_KEYS = 3


class LocalCounter:
    """Takes from several budgets at once, or from none."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, most_keys: int = MOST_KEYS
    ) -> None:
        self._clock = clock
        self._most_keys = most_keys
        #: Those that were touched longest ago first.
        self._tries: OrderedDict[str, dict[str, float]] = OrderedDict()
        #: Until when the tries of a key count.
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._tries)

    def reserve(self, budgets: Sequence[RateLimit], attempt: str) -> list[float]:
        """Count a try. Shape: for each budget the seconds until it has a place again; all 0 = it is counted."""
        now = self._clock()
        waits = [self._wait(budget, now) for budget in budgets]
        if not any(waits):
            for budget in budgets:
                self._tries.setdefault(budget.key, {})[attempt] = now
                self._tries.move_to_end(budget.key)
                self._until[budget.key] = now + budget.window
            self._sweep(now)
            while len(self._tries) > self._most_keys:
                self._drop(next(iter(self._tries)))
        return waits

    def _sweep(self, now: float) -> None:
        """Forget keys whose tries count no longer, of those touched longest ago; more than a try adds.

        One of a long window keeps those behind it for as long as it counts itself.
        """
        for _ in range(2 * SWEPT_KEYS):
            key = next(iter(self._tries), None)
            if key is None or self._until[key] > now:
                return
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._tries.pop(key, None)
        self._until.pop(key, None)

    def refund(self, keys: Sequence[str], attempt: str) -> None:
        """Count a try no longer."""
        for key in keys:
            tries = self._tries.get(key, {})
            tries.pop(attempt, None)
            if not tries:
                self._drop(key)

    def _wait(self, budget: RateLimit, now: float) -> float:
        tries = self._tries.get(budget.key)
        if not tries:
            return 0.0
        self._tries.move_to_end(budget.key)
        for attempt, at in list(tries.items()):
            if now - at < budget.window:
                break  # they stand in the order in which they came
            del tries[attempt]
        if len(tries) < budget.most:
            return 0.0
        return next(iter(tries.values())) + budget.window - now
