"""Who was here a moment ago. Noted in memory with each request, and written down now and then, many at a time."""

from portico.db import chunks, execute, now
from portico.tasks import PeriodicTask

#: Seconds after which somebody who was seen does not count as here any more.
ACTIVE_SECONDS = 180
#: Seconds between two rounds of writing.
FLUSH_SECONDS = 10
#: Seconds between two writes for the same account.
MIN_WRITE_SECONDS = 60
#: Of how many it is known at most; beyond, those seen longest ago are forgotten, written or not.
MAX_TRACKED = 100_000

_WRITE = (
    "WITH seen (id, seen_at) AS (VALUES {{}}) UPDATE {table} SET {column} = seen.seen_at "
    "FROM seen WHERE {table}.id = seen.id AND COALESCE({table}.{column}, 0) < seen.seen_at"
)


class LastSeenTracker:
    """When each account, or what else has a row, was last seen by this process. Units: epoch seconds."""

    def __init__(self, table: str = "portico_account", column: str = "last_active_at") -> None:
        self._write = _WRITE.format(table=table, column=column)
        #: Those seen longest ago first.
        self._seen: dict[str, int] = {}
        #: What was written, and when.
        self._written: dict[str, tuple[int, int]] = {}
        self._task = PeriodicTask(f"last seen in {table}", FLUSH_SECONDS, self.flush)

    def touch(self, row_id: str) -> None:
        """Somebody is here now. Called with every request."""
        self._seen.pop(row_id, None)
        self._seen[row_id] = now()
        if len(self._seen) > MAX_TRACKED:
            self._drop(next(iter(self._seen)))

    def last_active(self, row_id: str, stored: int) -> int:
        """When somebody was last here. `stored`: what the database says."""
        return max(self._seen.get(row_id, 0), stored)

    def is_active(self, account_id: str, stored: int) -> bool:
        """Whether somebody was here within the last three minutes."""
        return now() - self.last_active(account_id, stored) <= ACTIVE_SECONDS

    def start(self) -> None:
        """Begin to write what is noted. Needs the running loop, and the database in use."""
        self._task.start()

    async def stop(self) -> None:
        """Write the rest, and end. Nothing to do where it was not started."""
        if await self._task.stop():
            await self._task.attempt(lambda: self.flush(at_once=True))

    async def flush(self, *, at_once: bool = False) -> None:
        """Write down who was seen; whoever was written within the last minute waits, unless `at_once`."""
        written = {one: self._written.get(one, (0, 0)) for one in self._seen}
        due = sorted(
            (one, at)
            for one, at in self._seen.items()
            if at > written[one][0]
            # Whoever left since would never be due, and never be forgotten.
            and (at_once or now() - at > ACTIVE_SECONDS or self.is_due(at, *written[one]))
        )
        for some in chunks(due):
            places = ", ".join(
                f"(CAST(${n} AS TEXT), CAST(${n + 1} AS BIGINT))"
                for n in range(1, 2 * len(some), 2)
            )
            await execute(self._write.format(places), *(value for pair in some for value in pair))
            self._written.update((one, (at, now())) for one, at in some if one in self._seen)
        self._drop_inactive()

    def is_due(self, at: int, was: int, written_at: int) -> bool:
        """Whether it is time to write down that something was seen at `at`: `was` was written, at `written_at`."""
        return at - was >= MIN_WRITE_SECONDS

    def _drop_inactive(self) -> None:
        """Drop whoever is not here any more and has been written down."""
        gone = [
            one
            for one, at in self._seen.items()
            if now() - at > ACTIVE_SECONDS and self._written.get(one, (0, 0))[0] >= at
        ]
        for one in gone:
            self._drop(one)

    def _drop(self, row_id: str) -> None:
        self._seen.pop(row_id, None)
        self._written.pop(row_id, None)
