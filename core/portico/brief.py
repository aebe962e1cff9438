"""Remembering for a moment what every request asks, so that a busy session costs two questions a second, not two each.

What this process changes is forgotten at once, by the events that say so. What another instance changes is in force
here after a moment, which is within the second that everybody is promised.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

#: Entries. Beyond that all are forgotten, which costs each of them one question.
LIMIT = 10_000


class Brief(Generic[K, V]):
    """Answers by key. `moment`: seconds an answer is good for; 0 = ask every time."""

    def __init__(self, moment: float) -> None:
        self._moment = moment
        self._known: dict[K, tuple[float, V]] = {}
        self._generation = 0

    async def get(self, key: K, ask: Callable[[K], Awaitable[V | None]]) -> V | None:
        """The answer known for this key, else that of `ask`. That there is none is not remembered."""
        found = self._known.get(key)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        generation = self._generation
        value = await ask(key)
        # What was read before something changed, and arrives after it, is good for this once only.
        if value is not None and self._moment and generation == self._generation:
            if len(self._known) >= LIMIT:
                self._known.clear()
            self._known[key] = (time.monotonic() + self._moment, value)
        return value

    def forget(self) -> None:
        """Something changed: ask again."""
        self._generation += 1
        self._known.clear()
