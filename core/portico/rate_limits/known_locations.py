"""Places from which somebody signed in before. They stay open when an account is being guessed at from everywhere."""

from portico.db import execute, fetch_one, now

#: Seconds for which a place is remembered after a sign-in from it.
RETENTION_SECONDS = 90 * 86400
#: Seconds after which it is written down again that a place was seen.
MIN_WRITE_SECONDS = 86400
#: Seconds between two sweeps by one process.
SWEEP_EVERY = 3600

_SEEN = "SELECT seen_at FROM portico_familiar WHERE id = $1"
_NOTE = (
    "INSERT INTO portico_familiar (id, seen_at) VALUES ($1, $2) "
    "ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
)
_SWEEP = "DELETE FROM portico_familiar WHERE seen_at < $1"


class KnownLocations:
    """Remembers places by the name that `Budgets.familiar` gives them."""

    def __init__(self) -> None:
        self._sweep_at = 0

    async def contains(self, place: str) -> bool:
        """Whether somebody signed in from there before, within the last months."""
        found = await fetch_one(_SEEN, place)
        return found is not None and found["seen_at"] >= now() - RETENTION_SECONDS

    async def add(self, place: str) -> None:
        """Somebody signed in from there. Written at most once a day for each place."""
        found = await fetch_one(_SEEN, place)
        if found is None or found["seen_at"] < now() - MIN_WRITE_SECONDS:
            await execute(_NOTE, place, now())
        if now() >= self._sweep_at:
            self._sweep_at = now() + SWEEP_EVERY
            await execute(_SWEEP, now() - RETENTION_SECONDS)
