"""One log line for each limit that is reached; further refusals until it has room again say nothing new."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import structlog

from portico.rate_limits.rules import RateLimit

#: Limits of which it is remembered that they were reached.
MAX_REACHED = 10_000

log = structlog.get_logger("portico.rate_limits")


class LimitLog:
    """Knows which limits are reached, until they have room again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: Until when, by key.
        self._reached: OrderedDict[str, float] = OrderedDict()

    def reached(
        self, door: str, address: str, full: Sequence[RateLimit], waits: Sequence[float]
    ) -> None:
        """A try at a door was refused. `full`: the budgets without room; `waits`: seconds, 0 for the others."""
        now, seconds = self._clock(), [wait for wait in waits if wait > 0]
        for budget, wait in zip(full, seconds, strict=True):
            known = self._reached.get(budget.key, 0.0) > now
            self._reached[budget.key] = now + wait
            self._reached.move_to_end(budget.key)
            if not known:
                # The key begins with what is limited; the rest of it is a digest.
                limited = budget.key.partition(":")[0]
                log.warning(
                    "limit reached",
                    limit=limited,
                    door=door,
                    most=budget.most,
                    window=budget.window,
                    client=address,
                    own_line=True,
                )
        while len(self._reached) > MAX_REACHED:
            self._reached.popitem(last=False)
