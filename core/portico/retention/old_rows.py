"""Deletes rows that are too old or expired, in batches with pauses."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog

from portico.db import Retention, now
from portico.db.retention import BATCH_ROWS
from portico.errors import Unavailable

#: Seconds for which one round deletes. The next one continues.
MAX_ROUND_SECONDS: Final = 600.0
#: Minimal seconds between two batches. A pause is at least as long as the last batch, so that others can write.
PAUSE_SECONDS: Final = 0.1

log = structlog.get_logger("portico.retention")


async def delete_old_rows(
    retentions: Sequence[Retention], pause: float = PAUSE_SECONDS
) -> dict[str, int]:
    """Delete all rows that are too old, but stop after ten minutes. Return how many were deleted, by table."""
    deleted: dict[str, int] = {}
    end = time.monotonic() + MAX_ROUND_SECONDS
    for retention in retentions:
        count = BATCH_ROWS
        while count == BATCH_ROWS and time.monotonic() < end:
            began = time.monotonic()
            try:
                count = await retention.delete_batch(now())
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - of a plugin's declaration; the other tables must go on
                log.warning(
                    "old rows not deleted", table=retention.table, error=type(error).__name__
                )
                break
            if count:
                deleted[retention.table] = deleted.get(retention.table, 0) + count
                await asyncio.sleep(max(pause, time.monotonic() - began))
    if deleted:
        log.info("old rows deleted", **deleted)
    return deleted
