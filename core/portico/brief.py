"""Remembering for a moment what every request asks, so that a busy session costs two questions a second, not two each.

What this process changes is forgotten at once, by the events that say so. What another instance changes is in force
here after a moment, which is within the second that everybody is promised.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

#: Entries. Beyond that the oldest are forgotten, which costs each of them one question.
LIMIT = 10_000
#: Characters of a key. What a client made longer is asked every time, so that nobody fills the memory with keys.
MAX_KEY_CHARS = 1024


class TTLCache(Generic[K, V]):
    """Answers by key. `moment`: seconds an answer is good for; 0 = ask every time."""

    def __init__(self, moment: float) -> None:
        self._moment = moment
        #: In the order in which they end: each is good for as long as the others.
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._generation = 0

    def __len__(self) -> int:
        """How many answers are held."""
        return len(self._known)

    async def get_or_load(self, key: K, ask: Callable[[K], Awaitable[V | None]]) -> V | None:
        """The answer known for this key, else that of `ask`. That there is none is not remembered."""
        found = self._known.get(key)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        generation = self._generation
        value = await ask(key)
        # What was read before something changed, and arrives after it, is good for this once only.
        if value is not None and self._moment and generation == self._generation:
            self._keep(key, value)
        return value

    def _keep(self, key: K, value: V) -> None:
        now = time.monotonic()
        while self._known and (
            len(self._known) >= LIMIT or next(iter(self._known.values()))[0] <= now
        ):
            self._known.popitem(last=False)
        if key_chars(key) <= MAX_KEY_CHARS:
            self._known[key] = (now + self._moment, value)
            self._known.move_to_end(key)

    def clear(self) -> None:
        """Something changed: ask again."""
        self._generation += 1
        self._known.clear()


def key_chars(key: Hashable) -> int:
    """How many characters of text a key holds, also in the tuples and structs it is made of."""
    if isinstance(key, str | bytes):
        return len(key)
    fields = getattr(key, "__struct_fields__", None)
    if fields is not None:
        return sum(key_chars(getattr(key, name)) for name in fields)
    return sum(map(key_chars, key)) if isinstance(key, tuple) else 0
