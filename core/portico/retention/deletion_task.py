"""The task that deletes old rows."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog

from portico.db import Retention, current_database, execute, fetch_all, now
from portico.db.retention import BATCH_ROWS
from portico.errors import Unavailable

#: Seconds between two rounds, whichever instances make them.
ROUND_SECONDS: Final = 3600
#: Seconds after which an instance asks whether it is time; also the first time.
ASK_SECONDS: Final = 300.0
#: Seconds between two batches, at least; as long as the last batch took, so that others write meanwhile.
PAUSE_SECONDS: Final = 0.1

_CLOCK: Final = {
    "sqlite": "CAST(strftime('%s', 'now') AS BIGINT)",
    "postgres": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
}
_CLAIM: Final = "UPDATE portico_cleaning SET worked_at = {clock} WHERE id = 1 AND worked_at <= {clock} - $1 RETURNING id"
_WORKING: Final = "UPDATE portico_cleaning SET worked_at = {clock} WHERE id = 1"
log = structlog.get_logger("portico.retention")


class Cleaner:
    """Deletes what is too old by these rules."""

    def __init__(self, ask_seconds: float = ASK_SECONDS, pause: float = PAUSE_SECONDS) -> None:
        self._ask_seconds = ask_seconds
        self._pause = pause
        self._task: asyncio.Task[None] | None = None

    def start(self, retentions: Sequence[Retention]) -> None:
        """Begin. Needs the running loop, and the database in use."""
        self._task = asyncio.create_task(self._rounds(retentions))

    async def stop(self) -> None:
        """End; what is left is for the next round. Nothing to do where it was not started."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def clean(self, retentions: Sequence[Retention]) -> dict[str, int]:
        """Delete all that is too old, unless an instance did so within the hour. Returns how many rows, by table."""
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
            await execute(_for_dialect(_WORKING))  # no other instance begins meanwhile
            await asyncio.sleep(max(self._pause, time.monotonic() - began))
        return count

    async def _rounds(self, retentions: Sequence[Retention]) -> None:
        while True:
            await asyncio.sleep(self._ask_seconds)
            try:
                with suppress(Unavailable):  # said by the database; the next round comes
                    await self.clean(retentions)
            except Exception as error:  # noqa: BLE001 - the table of a plugin may be another than it says
                log.warning("old rows are not deleted", error=type(error).__name__)


def _for_dialect(sql: str) -> str:
    return sql.format(clock=_CLOCK[current_database().dialect])
