"""Lists that were put together a moment ago, for whoever asks again."""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from typing import Final

from portico.brief import MAX_KEY_CHARS, key_chars

#: Bytes kept. A list of ten thousand models is a few megabytes.
MAX_BYTES = 32 * 1024 * 1024
#: Documents kept, however small, and of one owner: nobody's queries push out what others ask for.
MAX_DOCUMENTS: Final = 2000
MAX_OF_OWNER: Final = 16


class BytesCache:
    """Documents by key, those used last, for `moment` seconds. The key says what a document rests on."""

    def __init__(self, moment: float, max_bytes: int = MAX_BYTES) -> None:
        self._moment = moment
        self._room = max_bytes
        self._size = 0
        self._known: OrderedDict[Hashable, tuple[float, bytes, str]] = OrderedDict()
        #: Keys by owner, the oldest first.
        self._of_owner: defaultdict[str, OrderedDict[Hashable, None]] = defaultdict(OrderedDict)
        self._sweep_at = 0.0

    def __len__(self) -> int:
        """How many documents are held."""
        return len(self._known)

    def get(self, key: Hashable) -> bytes | None:
        """The document, if it is still good."""
        found = self._known.get(key)
        if found is None:
            return None
        if found[0] <= time.monotonic():
            self._drop(key)
            return None
        self._known.move_to_end(key)
        return found[1]

    def put(self, key: Hashable, document: bytes, owner: str = "") -> None:
        """Remember a document, and forget those that are stale, or used longest ago while there is no room.

        `owner`: the account whose question it answers; empty = nobody's in particular.
        """
        if not self._moment or len(document) > self._room or key_chars(key) > MAX_KEY_CHARS:
            return
        self._sweep()
        self._drop(key)
        self._known[key] = (time.monotonic() + self._moment, document, owner)
        self._size += len(document)
        if owner:
            keys = self._of_owner[owner]
            keys[key] = None
            if len(keys) > MAX_OF_OWNER:
                self._drop(next(iter(keys)))
        while self._size > self._room or len(self._known) > MAX_DOCUMENTS:
            self._drop(next(iter(self._known)))

    def _sweep(self) -> None:
        """Forget what is stale. Looks at all there is, but once in a moment."""
        now = time.monotonic()
        if now < self._sweep_at:
            return
        self._sweep_at = now + self._moment
        for key in [key for key, (until, _, _) in self._known.items() if until <= now]:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        found = self._known.pop(key, None)
        if found is None:
            return
        self._size -= len(found[1])
        if found[2]:
            keys = self._of_owner[found[2]]
            keys.pop(key, None)
            if not keys:
                del self._of_owner[found[2]]
