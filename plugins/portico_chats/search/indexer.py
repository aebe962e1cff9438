"""Background updates of the search index: each process indexes a few texts at a time.

Searches are correct at any time; they are fast once all texts are indexed.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from portico.api import fetch_one
from portico_chats.search.backend import postings

#: Seconds from a change until its texts are indexed. A reply that is stored while it grows is thereby indexed once.
DEBOUNCE_SECONDS: Final = 1.0
#: Seconds after which the indexer checks for texts without being notified: those that another process left.
POLL_SECONDS: Final = 30.0
#: Minimum seconds between two batches. The pause lasts as long as the last batch, so that requests get half of the
#: time.
PAUSE_SECONDS: Final = 0.002
#: Batches that are indexed at once when a command waits for all of them.
BATCH_SIZE: Final = 16

_WAITS = "SELECT 1 AS waits FROM chats_text WHERE state <> 1 LIMIT 1"
_COUNT = "SELECT COUNT(*) AS texts FROM chats_text"

log = structlog.get_logger("portico.chats")


class Indexer:
    """Adds written texts to the index and removes deleted ones."""

    def __init__(self, breath: float = DEBOUNCE_SECONDS, seldom: float = POLL_SECONDS) -> None:
        self._breath = breath
        self._seldom = seldom
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_away = False

    def start(self) -> None:
        """Start the background task. Needs the running loop and the current database."""
        self._task = asyncio.create_task(self._rounds())

    async def stop(self) -> None:
        """Stop the background task; the next process indexes what is left. Does nothing if it was not started."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def wake(self) -> None:
        """Notify the indexer that texts may be waiting."""
        self._changed.set()

    async def index_pending(self) -> int:
        """Index all waiting texts, with pauses for requests between the batches. Returns how many texts were indexed."""
        kept, total = postings(), 0
        while await fetch_one(_WAITS):
            began = time.perf_counter()
            done = await kept.index_pending()
            if not done:  # other processes index the rest
                break
            total += done
            await asyncio.sleep(max(PAUSE_SECONDS, time.perf_counter() - began))
        return total

    async def _rounds(self) -> None:
        while True:
            try:
                await self.index_pending()
                self._is_away = False
            except Exception as error:  # noqa: BLE001 - unavailable, full, a deadlock: the texts wait until it is over
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
    """Rebuild the index from the texts. Returns how many there are.

    `progress(done, total)` is called after each batch. May run beside a running server: searches stay correct and
    become slower. On SQLite writers wait while it starts. It may be interrupted at any time; the server then
    indexes the rest in the background.
    """
    kept = postings()
    await kept.clear()
    found = await fetch_one(_COUNT)
    total = int(found["texts"]) if found else 0
    done = 0
    progress(done, total)
    while some := await kept.index_pending(BATCH_SIZE):
        done = min(done + some, total)  # others may have been written in the meantime
        progress(done, total)
    return total
