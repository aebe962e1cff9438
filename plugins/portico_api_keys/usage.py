"""When each key was used last: noted in memory with each request, written down now and then, many at a time."""

from portico.api import LastSeenTracker, now

#: Seconds between two writes for the same key, whoever makes them.
SELDOM = 60


class KeyUsage(LastSeenTracker):
    """The uses of keys that this process saw. Units: epoch seconds."""

    def __init__(self) -> None:
        super().__init__("api_keys_key", "last_used_at")

    def last(self, key_id: str, stored: int | None) -> int | None:
        """When a key was used last. `stored`: what the database says."""
        return self.last_active(key_id, stored or 0) or None

    def is_due(self, at: int, was: int, written_at: int) -> bool:
        """The last of many uses is written too, a minute after the write before it."""
        return now() - written_at >= SELDOM
