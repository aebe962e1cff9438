"""Caches in the memory of one process: values for some seconds, and rendered documents up to a number of bytes.

An event that changes what was cached clears the cache of this process. Another instance follows when the entry
expires, which is within one second.
"""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

#: Entries of a `TTLCache`. Beyond that the oldest are dropped and loaded again when they are asked for.
MAX_ENTRIES = 10_000
#: Characters of a key. Values of longer keys are loaded each time: clients choose keys, and must not fill the memory.
MAX_KEY_CHARS = 1024
#: Bytes of all documents of a `BytesCache`. A list of ten thousand models is a few megabytes.
MAX_BYTES = 32 * 1024 * 1024
#: Documents of a `BytesCache`, of all owners together and of one owner, however small they are.
MAX_DOCUMENTS: Final = 2000
MAX_DOCUMENTS_OF_OWNER: Final = 16


class TTLCache(Generic[K, V]):
    """Values by key, each for `ttl_seconds`. 0 = nothing is cached. None is never cached."""

    def __init__(self, ttl_seconds: float) -> None:
        self._ttl = ttl_seconds
        #: Until when, the value, and when its load began, in the order in which they expire: all live equally long.
        self._entries: OrderedDict[K, tuple[float, V, float]] = OrderedDict()
        self._generation = 0
        #: How often a value was found, and how often it was not, since the start.
        self.hits = self.misses = 0

    def __len__(self) -> int:
        """Return the number of entries, expired ones included."""
        return len(self._entries)

    def cached(self, key: K) -> V | None:
        """Return the cached value of this key; None if there is none."""
        found = self._entries.get(key)
        if found is not None and found[0] > time.monotonic():
            self.hits += 1
            return found[1]
        self.misses += 1
        return None

    async def get_or_load(self, key: K, load: Callable[[K], Awaitable[V | None]]) -> V | None:
        """Return the cached value of this key, or what `load(key)` returns, which is then cached.

        A load that was running when `clear` was called is returned to its caller, but not cached; nor is one that began
        before another one whose value is cached.
        """
        found = self.cached(key)
        if found is not None:
            return found
        generation, began = self._generation, time.monotonic()
        value = await load(key)
        if value is not None and self._ttl and generation == self._generation:
            self._put(key, value, began)
        return value

    def _put(self, key: K, value: V, began: float) -> None:
        now = time.monotonic()
        found = self._entries.get(key)
        if found is not None and found[0] > now and found[2] > began:
            return
        while self._entries and (
            len(self._entries) >= MAX_ENTRIES or next(iter(self._entries.values()))[0] <= now
        ):
            self._entries.popitem(last=False)
        if key_chars(key) <= MAX_KEY_CHARS:
            self._entries[key] = (now + self._ttl, value, began)
            self._entries.move_to_end(key)

    def clear(self) -> None:
        """Drop all entries, also those that are being loaded now."""
        self._generation += 1
        self._entries.clear()


class BytesCache:
    """Rendered documents by key, each for `ttl_seconds`. Beyond `max_bytes` the least recently used are dropped.

    The key names everything that the document depends on.
    """

    def __init__(self, ttl_seconds: float, max_bytes: int = MAX_BYTES) -> None:
        self._ttl = ttl_seconds
        self._max_bytes = max_bytes
        self._size = 0
        self._entries: OrderedDict[Hashable, tuple[float, bytes, str]] = OrderedDict()
        #: Keys by owner, the oldest first.
        self._keys_of_owner: defaultdict[str, OrderedDict[Hashable, None]] = defaultdict(
            OrderedDict
        )
        self._sweep_at = 0.0
        #: How often a document was found, and how often it was not, since the start.
        self.hits = self.misses = 0

    def __len__(self) -> int:
        """Return the number of documents, expired ones included."""
        return len(self._entries)

    def get(self, key: Hashable) -> bytes | None:
        """Return the document, or None if there is none or it has expired."""
        found = self._entries.get(key)
        if found is None or found[0] <= time.monotonic():
            self.misses += 1
            if found is not None:
                self._drop(key)
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return found[1]

    def put(self, key: Hashable, document: bytes, owner: str = "") -> None:
        """Cache a document, and drop expired and least recently used ones where there are too many.

        `owner`: the account whose request it answers; empty = it belongs to no account. One account's documents never
        push out more than its own share.
        """
        if not self._ttl or len(document) > self._max_bytes or key_chars(key) > MAX_KEY_CHARS:
            return
        self._drop_expired()
        self._drop(key)
        self._entries[key] = (time.monotonic() + self._ttl, document, owner)
        self._size += len(document)
        if owner:
            keys = self._keys_of_owner[owner]
            keys[key] = None
            if len(keys) > MAX_DOCUMENTS_OF_OWNER:
                self._drop(next(iter(keys)))
        while self._size > self._max_bytes or len(self._entries) > MAX_DOCUMENTS:
            self._drop(next(iter(self._entries)))

    def _drop_expired(self) -> None:
        """Drop what has expired. Reads all entries, so it does that at most once in `ttl_seconds`."""
        now = time.monotonic()
        if now < self._sweep_at:
            return
        self._sweep_at = now + self._ttl
        for key in [key for key, (until, _, _) in self._entries.items() if until <= now]:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        found = self._entries.pop(key, None)
        if found is None:
            return
        self._size -= len(found[1])
        if found[2]:
            keys = self._keys_of_owner[found[2]]
            keys.pop(key, None)
            if not keys:
                del self._keys_of_owner[found[2]]


def key_chars(key: Hashable) -> int:
    """Return the number of characters in a key, counted also within tuples and structs."""
    if isinstance(key, str | bytes):
        return len(key)
    fields = getattr(key, "__struct_fields__", None)
    if fields is not None:
        return sum(key_chars(getattr(key, name)) for name in fields)
    return sum(map(key_chars, key)) if isinstance(key, tuple) else 0
