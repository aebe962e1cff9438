"""Background updates of the search index: each process indexes a few texts at a time.

Searches are correct at any time; they are fast once all texts are indexed.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from portico.api import PeriodicTask
from portico.api.db import fetch_one
from portico_chats.search.backend import index_backend

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


class Indexer:
    """Adds written texts to the index and removes deleted ones."""

    def __init__(
        self, debounce_seconds: float = DEBOUNCE_SECONDS, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._task = PeriodicTask(
            "search index of chats", poll_seconds, self.index_pending, delay=debounce_seconds
        )

    def start(self) -> None:
        """Start the background task. Needs the running loop and the current database."""
        self._task.start()
        self._task.wake()  # for the texts that the last process has left

    async def stop(self) -> None:
        """Stop the background task; the next process indexes what is left. Does nothing if it was not started."""
        await self._task.stop()

    def wake(self) -> None:
        """Notify the indexer that texts may be waiting."""
        self._task.wake()

    async def index_pending(self) -> int:
        """Index all waiting texts, with pauses for requests between the batches. Returns how many texts were indexed."""
        backend, total = index_backend(), 0
        while await fetch_one(_WAITS):
            began = time.perf_counter()
            done = await backend.index_pending()
            if not done:  # other processes index the rest
                break
            total += done
            await asyncio.sleep(max(PAUSE_SECONDS, time.perf_counter() - began))
        return total


async def reindex(progress: Callable[[int, int], object]) -> int:
    """Rebuild the index from the texts. Returns how many there are.

    `progress(done, total)` is called after each batch. May run beside a running server: searches stay correct and
    become slower. On SQLite writers wait while it starts. It may be interrupted at any time; the server then
    indexes the rest in the background.
    """
    backend = index_backend()
    await backend.clear()
    found = await fetch_one(_COUNT)
    total = int(found["texts"]) if found else 0
    done = 0
    progress(done, total)
    while some := await backend.index_pending(BATCH_SIZE):
        done = min(done + some, total)  # others may have been written in the meantime
        progress(done, total)
    return total
