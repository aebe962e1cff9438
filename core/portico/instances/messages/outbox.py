"""Messages between instances in a table of the database, for installations without Redis."""

import time
from collections import deque
from collections.abc import Sequence

from portico.db import chunks, execute, fetch_all, fetch_one, placeholder_rows, placeholders

#: Seconds for which a row is stored. Live instances read it within a second.
RETENTION_SECONDS = 60
#: Seconds after which no row with a lower id can appear any more: its transaction has ended.
SETTLE_SECONDS = 5.0
#: Ids that one statement reads.
_MAX_ROWS = 1000
_INSERT = "INSERT INTO portico_instance_message (sender, sent_at, content) VALUES {}"
_LAST = "SELECT COALESCE(MAX(id), 0) AS id FROM portico_instance_message"
_NEW_IDS = (
    "SELECT id FROM portico_instance_message WHERE id > $1 AND sender <> $2 ORDER BY id LIMIT $3"
)
_CONTENT = "SELECT content FROM portico_instance_message WHERE id IN ({}) ORDER BY id"
_DELETE_OLD = "DELETE FROM portico_instance_message WHERE sent_at < $1"


async def insert(sender: str, sent_at: int, contents: Sequence[str]) -> None:
    """Insert messages. They are visible to other instances when this returns."""
    for some in chunks(contents):
        values = [value for content in some for value in (sender, sent_at, content)]
        await execute(_INSERT.format(placeholder_rows(len(some), 3)), *values)


async def delete_old(now: int) -> None:
    """Delete the rows of all instances that are older than the retention time."""
    await execute(_DELETE_OLD, now - RETENTION_SECONDS)


class OutboxReader:
    """Reads each row of the other instances once.

    Ids are assigned before a transaction commits, so a lower id may appear after a higher one: the ids of the last
    seconds are read again and compared.
    """

    def __init__(self, own_id: str) -> None:
        self._own_id = own_id
        #: All rows up to this id have been read.
        self._floor = 0
        self._read: set[int] = set()
        #: The highest id that was read at a time; the oldest first.
        self._heights: deque[tuple[float, int]] = deque()

    async def skip_all(self) -> None:
        """Skip all rows that exist now."""
        found = await fetch_one(_LAST)
        self._floor = int(found["id"]) if found else 0
        self._read.clear()
        self._heights.clear()

    async def read(self) -> tuple[list[str], bool]:
        """Return the contents of the rows that were not read before, in order, and whether there may be more.

        At most a thousand.
        """
        clock = time.monotonic()
        found = [
            row["id"] for row in await fetch_all(_NEW_IDS, self._floor, self._own_id, _MAX_ROWS)
        ]
        contents: list[str] = []
        for ids in chunks([one for one in found if one not in self._read]):
            rows = await fetch_all(_CONTENT.format(placeholders(len(ids))), *ids)
            contents += [row["content"] for row in rows]
            self._read.update(ids)
        if found:
            self._heights.append((clock, found[-1]))
        is_full = len(found) == _MAX_ROWS
        self._raise_floor(clock, is_full=is_full)
        return contents, is_full

    def _raise_floor(self, clock: float, *, is_full: bool) -> None:
        while self._heights and (is_full or clock - self._heights[0][0] > SETTLE_SECONDS):
            self._floor = max(self._floor, self._heights.popleft()[1])
        self._read = {one for one in self._read if one > self._floor}
