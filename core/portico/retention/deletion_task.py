"""The background task that deletes old rows."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog

from portico.db import Retention, current_database, execute, fetch_all, now
from portico.db.retention import BATCH_ROWS
from portico.errors import Unavailable
from portico.periodic_task import PeriodicTask

#: Seconds between two rounds of all instances together.
ROUND_SECONDS: Final = 3600
#: Seconds after which an instance checks whether a round is due; also before the first check.
CHECK_SECONDS: Final = 300.0
#: Minimal seconds between two batches. A pause is at least as long as the last batch, so that others can write.
PAUSE_SECONDS: Final = 0.1

_CLOCK: Final = {
    "sqlite": "CAST(strftime('%s', 'now') AS BIGINT)",
    "postgres": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
}
_CLAIM: Final = "UPDATE portico_cleaning SET worked_at = {clock} WHERE id = 1 AND worked_at <= {clock} - $1 RETURNING id"
_WORKING: Final = "UPDATE portico_cleaning SET worked_at = {clock} WHERE id = 1"
log = structlog.get_logger("portico.retention")


class DeletionTask:
    """Deletes rows that are too old, once an hour. `check_seconds`, `pause`: seconds; shorter in tests."""

    def __init__(self, check_seconds: float = CHECK_SECONDS, pause: float = PAUSE_SECONDS) -> None:
        self._pause = pause
        self._retentions: Sequence[Retention] = ()
        self._task = PeriodicTask("deletion of old rows", check_seconds, self._clean_if_available)

    def start(self, retentions: Sequence[Retention]) -> None:
        """Start the task. Needs the running loop and a current database."""
        self._retentions = retentions
        self._task.start()

    async def stop(self) -> None:
        """Stop the task, if it was started. The next round continues."""
        await self._task.stop()

    async def delete_old_rows(self, retentions: Sequence[Retention]) -> dict[str, int]:
        """Delete all rows that are too old, unless an instance did so within the hour. Returns deleted rows by table."""
        deleted: dict[str, int] = {}
        if not await fetch_all(_for_dialect(_CLAIM), ROUND_SECONDS):
            return deleted
        for retention in retentions:
            while count := await self._batch(retention):
                deleted[retention.table] = deleted.get(retention.table, 0) + count
                if count < BATCH_ROWS:
                    break
        if deleted:
            log.info("old rows deleted", **deleted)
        return deleted

    async def _batch(self, retention: Retention) -> int:
        began = time.monotonic()
        count = await retention.delete_batch(now())
        if count:
            await execute(_for_dialect(_WORKING))  # so that no other instance starts meanwhile
            await asyncio.sleep(max(self._pause, time.monotonic() - began))
        return count

    async def _clean_if_available(self) -> None:
        with suppress(Unavailable):  # the database module has logged it
            await self.delete_old_rows(self._retentions)


def _for_dialect(sql: str) -> str:
    return sql.format(clock=_CLOCK[current_database().dialect])
