"""Keeping the index up to date: in the background of each process, a few texts at a time.

A search is right whatever is done of this; it is fast once all of it is.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from portico.api import fetch_one
from portico_chats.search.backend import postings

#: Seconds from a change until its texts are taken up. A reply that is written down while it grows is so taken up once.
DEBOUNCE_SECONDS: Final = 1.0
#: Seconds after which somebody looks without having been told: for what another process left behind.
POLL_SECONDS: Final = 30.0
#: Seconds between two turns, at least. It is as long as the last turn took, so that half of the time is the requests'.
PAUSE_SECONDS: Final = 0.002
#: Times as many as in the background are taken up at once where somebody waits for all of them.
BATCH_SIZE: Final = 16

_WAITS = "SELECT 1 AS waits FROM chats_text WHERE state <> 1 LIMIT 1"
_COUNT = "SELECT COUNT(*) AS texts FROM chats_text"

log = structlog.get_logger("portico.chats")


class Indexer:
    """Takes texts into the index that were written, and out of it those that are gone."""

    def __init__(self, breath: float = DEBOUNCE_SECONDS, seldom: float = POLL_SECONDS) -> None:
        self._breath = breath
        self._seldom = seldom
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_away = False

    def start(self) -> None:
        """Begin. Needs the running loop, and the database in use."""
        self._task = asyncio.create_task(self._rounds())

    async def stop(self) -> None:
        """End; what still waits is for the next process. Nothing to do where it was not started."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def wake(self) -> None:
        """Somebody wrote; there may be texts to take up."""
        self._changed.set()

    async def index_pending(self) -> int:
        """Take up whatever waits, and pause for requests between the turns. Returns how many texts that were."""
        kept, total = postings(), 0
        while await fetch_one(_WAITS):
            began = time.perf_counter()
            done = await kept.index_pending()
            if not done:  # others are at the rest
                break
            total += done
            await asyncio.sleep(max(PAUSE_SECONDS, time.perf_counter() - began))
        return total

    async def _rounds(self) -> None:
        while True:
            try:
                await self.index_pending()
                self._is_away = False
            except Exception as error:  # noqa: BLE001 - away, full, a deadlock: what waits will wait until it is over
                if not self._is_away:
                    log.warning("chats cannot be indexed for now", error=type(error).__name__)
                self._is_away = True
            try:
                async with asyncio.timeout(self._seldom):
                    await self._changed.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(self._breath)
            self._changed.clear()


async def reindex(progress: Callable[[int, int], object]) -> int:
    """Build the index anew from the texts. Returns how many there are.

    `progress` is told how many are done, of how many. May run next to a house that serves: searches stay right and
    become slower meanwhile. On SQLite writers wait while it begins. It may be ended at any time; whatever is left is
    then done in the background of the house.
    """
    kept = postings()
    await kept.clear()
    found = await fetch_one(_COUNT)
    total = int(found["texts"]) if found else 0
    done = 0
    progress(done, total)
    while some := await kept.index_pending(BATCH_SIZE):
        done = min(done + some, total)  # more may have been written meanwhile
        progress(done, total)
    return total
