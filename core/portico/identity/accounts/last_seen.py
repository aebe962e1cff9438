"""Last-seen times: noted in memory with each request, and written to the database in batches."""

from itertools import takewhile

from portico.db import chunks, execute, now
from portico.periodic_task import PeriodicTask

#: An account is active for this long after its last request.
ACTIVE_SECONDS = 180
FLUSH_SECONDS = 10
#: Seconds after which a row that was not active is written, so that other instances know of it within a second.
FIRST_WRITE_SECONDS = 0.4
#: Minimum time between two writes of the same row.
MIN_WRITE_SECONDS = 60
#: Beyond this number the rows seen longest ago are dropped, written or not.
MAX_TRACKED = 100_000

_WRITE = (
    "WITH seen (id, seen_at) AS (VALUES {{}}) UPDATE {table} SET {column} = seen.seen_at "
    "FROM seen WHERE {table}.id = seen.id AND COALESCE({table}.{column}, 0) < seen.seen_at"
)


class LastSeenTracker:
    """Last-seen times of the rows of a table, as seen by this process. Units: epoch seconds."""

    def __init__(self, table: str = "portico_account", column: str = "last_active_at") -> None:
        self._write = _WRITE.format(table=table, column=column)
        #: Ordered by time, oldest first.
        self._seen: dict[str, int] = {}
        #: The time that was written, and when it was written.
        self._written: dict[str, tuple[int, int]] = {}
        self._task = PeriodicTask(
            f"last seen in {table}", FLUSH_SECONDS, self.flush, delay=FIRST_WRITE_SECONDS
        )

    def touch(self, row_id: str) -> None:
        """Note that a row was seen now. Called with every request."""
        at = now()
        if at - self._seen.pop(row_id, 0) > ACTIVE_SECONDS:
            self._task.wake()
        self._seen[row_id] = at
        if len(self._seen) > MAX_TRACKED:
            self._drop(next(iter(self._seen)))

    def last_active(self, row_id: str, stored: int) -> int:
        """Return when a row was last seen. `stored`: the value in the database."""
        return max(self._seen.get(row_id, 0), stored)

    def is_active(self, account_id: str, stored: int) -> bool:
        """Return whether an account was seen within the last three minutes."""
        return now() - self.last_active(account_id, stored) <= ACTIVE_SECONDS

    def active_count(self) -> int:
        """Return the number of rows that this process saw within the last three minutes."""
        limit = now() - ACTIVE_SECONDS
        return sum(1 for _ in takewhile(lambda at: at >= limit, reversed(self._seen.values())))

    def start(self) -> None:
        """Start writing. Needs a running event loop and an open database."""
        self._task.start()

    async def stop(self) -> None:
        """Stop, and write the remaining times. Does nothing if it was not started."""
        if await self._task.stop():
            await self._task.attempt(lambda: self.flush(at_once=True))

    async def flush(self, *, at_once: bool = False) -> None:
        """Write the noted times, except those written within the last minute, unless `at_once`."""
        written = {row_id: self._written.get(row_id, (0, 0)) for row_id in self._seen}
        due = sorted(
            (row_id, at)
            for row_id, at in self._seen.items()
            if at > written[row_id][0]
            # A row that is not seen again would never be due and never be dropped.
            and (at_once or now() - at > ACTIVE_SECONDS or self.is_due(at, *written[row_id]))
        )
        for batch in chunks(due):
            places = ", ".join(
                f"(CAST(${n} AS TEXT), CAST(${n + 1} AS BIGINT))"
                for n in range(1, 2 * len(batch), 2)
            )
            await execute(self._write.format(places), *(value for pair in batch for value in pair))
            self._written.update(
                (row_id, (at, now())) for row_id, at in batch if row_id in self._seen
            )
        self._drop_inactive()

    def is_due(self, at: int, was: int, written_at: int) -> bool:
        """Return whether `at` has to be written. `was`: the value written last, at `written_at`."""
        return at - was >= MIN_WRITE_SECONDS

    def _drop_inactive(self) -> None:
        """Drop the rows that are not active any more and whose time was written."""
        gone = [
            row_id
            for row_id, at in self._seen.items()
            if now() - at > ACTIVE_SECONDS and self._written.get(row_id, (0, 0))[0] >= at
        ]
        for row_id in gone:
            self._drop(row_id)

    def _drop(self, row_id: str) -> None:
        self._seen.pop(row_id, None)
        self._written.pop(row_id, None)
