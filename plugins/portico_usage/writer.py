"""Queues calls that have ended, and writes them in batches. A call costs an append."""

from collections import deque
from collections.abc import Sequence
from typing import Final

import structlog

from portico.api import PeriodicTask, Unavailable, error_location
from portico.api.models import CallResult, GatewayCall
from portico_usage.call_record import CallRecord
from portico_usage.prices import ModelPrices
from portico_usage.store import UsageStore
from portico_usage.traffic import Traffic

#: Seconds from the end of a call until it is written. A process that is killed loses the calls of so long.
WRITE_DELAY_SECONDS: Final = 0.5
#: Seconds until a batch that could not be written is tried again.
RETRY_SECONDS: Final = 1.0
#: Calls that wait while the database is unavailable. Beyond it the oldest are dropped.
MAX_QUEUED: Final = 50_000
#: Calls that are written in one transaction. Their rows are built at once, which takes some milliseconds.
BATCH_CALLS: Final = 200

log = structlog.get_logger("portico.usage")


class UsageWriter:
    """The queue of one process."""

    def __init__(self, store: UsageStore, prices: ModelPrices, traffic: Traffic) -> None:
        self._store, self._prices, self._traffic = store, prices, traffic
        self._queue: deque[CallRecord] = deque()
        self._dropped = 0
        self._task = PeriodicTask(
            "usage of models", RETRY_SECONDS, self.flush, delay=WRITE_DELAY_SECONDS
        )

    @property
    def queued(self) -> int:
        """The number of calls that are not written yet."""
        return len(self._queue)

    def record(self, call: GatewayCall, result: CallResult) -> None:
        """Queue a call that has ended (`ended` of the filter)."""
        self.add(CallRecord.of(call, result))

    def add(self, record: CallRecord) -> None:
        """Queue what is kept of a call."""
        self._queue.append(record)
        self._task.wake()

    def start(self) -> None:
        """Start writing. Needs a running event loop and an open database."""
        self._task.start()

    async def stop(self) -> None:
        """Stop, and write what is queued. Does nothing if it was not started."""
        if await self._task.stop():
            while self._queue and await self._task.attempt():
                pass
            if self._queue:
                log.error("usage of calls is lost, the database is unavailable", calls=self.queued)

    async def flush(self) -> None:
        """Write the calls that are queued now. Raises: Unavailable; they stay queued then."""
        self._drop_oldest()
        # Not those that end meanwhile: with them, busy servers would write small batches all the time.
        remaining = len(self._queue)
        while remaining > 0:
            batch = [self._queue.popleft() for _ in range(min(remaining, BATCH_CALLS))]
            remaining -= len(batch)
            try:
                prices = await self._prices.table()
                await self._store.write(batch, prices)
            except Exception as error:
                if not isinstance(error, Unavailable) and await self._written_apart(batch, error):
                    continue
                self._queue.extendleft(reversed(batch))
                self._drop_oldest()
                raise
            except (
                BaseException
            ):  # cancelled: rows that were written are found to be when they are written again
                self._queue.extendleft(reversed(batch))
                raise
            self._traffic.count(batch)

    async def _written_apart(self, batch: Sequence[CallRecord], error: Exception) -> bool:
        """Write the calls of a refused batch one by one, and drop those that are refused. Returns False if interrupted."""
        prices = await self._prices.table()
        for one in batch:
            try:
                await self._store.write([one], prices)
            except Unavailable:
                return False
            except Exception as refused:  # noqa: BLE001 - one call must not keep all others from being written
                log.error(
                    "usage of a call is lost",
                    model=one.model,
                    error=type(refused).__name__,
                    at=error_location(error),
                )
        self._traffic.count(batch)
        return True

    def _drop_oldest(self) -> None:
        excess = len(self._queue) - MAX_QUEUED
        if excess <= 0:
            return
        for _ in range(excess):
            self._queue.popleft()
        self._dropped += excess
        log.error(
            "usage of the oldest calls is dropped, the database is unavailable for too long",
            calls=excess,
            dropped_so_far=self._dropped,
        )
