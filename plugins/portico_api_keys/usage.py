"""When each key was last used: kept in memory, and written to the database in batches."""

from portico.api.auth import LastSeenTracker
from portico.api.db import now

#: Seconds between two writes for the same key, from any instance.
MIN_WRITE_SECONDS = 60


class ApiKeyUsage(LastSeenTracker):
    """The times of use of the keys that this process saw. Units: epoch seconds."""

    def __init__(self) -> None:
        super().__init__("api_keys_key", "last_used_at")

    def last_used(self, key_id: str, stored: int | None) -> int | None:
        """Return when a key was last used, None = never. `stored`: the value in the database."""
        return self.last_active(key_id, stored or 0) or None

    def is_due(self, at: int, was: int, written_at: int) -> bool:
        """Return whether a time of use is to be written: a minute after the previous write."""
        return now() - written_at >= MIN_WRITE_SECONDS
