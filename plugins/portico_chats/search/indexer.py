"""Background updates of the search index: each process indexes what it has written, a few texts at a time.

The state of each text says whether it waits, so nothing is lost with a process: a periodic task indexes what one has left.
Searches are correct at any time; they are fast once all texts are indexed.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from portico.api import PeriodicTask
from portico.api.db import fetch_one
from portico.api.tasks import NoArguments, TaskRun, TaskType
from portico_chats.search.backend import index_backend

#: Seconds from a change until its texts are indexed. A reply that is stored while it grows is thereby indexed once.
DEBOUNCE_SECONDS: Final = 1.0
#: Seconds after which the indexer of a process checks for texts without being notified.
POLL_SECONDS: Final = 3600.0
#: Seconds between two runs of the task, of all processes together, which indexes what another process has left.
TASK_SECONDS: Final = 60.0
#: Seconds that such a run may take. The next one continues.
TASK_TIME_LIMIT: Final = 600.0
#: Minimum seconds between two batches.
PAUSE_SECONDS: Final = 0.002
#: The pause lasts this many times as long as the last batch, so that requests get three quarters of the time.
PAUSE_FACTOR: Final = 3

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

    def task_type(self) -> TaskType:
        """Return the periodic task that indexes what other processes have left."""

        async def run(_run: TaskRun, _none: NoArguments) -> int:
            return await self.index_pending(TASK_TIME_LIMIT / 2)

        return TaskType(
            "chats:index", NoArguments, run, time_limit=TASK_TIME_LIMIT, every=TASK_SECONDS
        )

    async def index_pending(self, seconds: float = float("inf")) -> int:
        """Index all waiting texts, with pauses for requests between the batches. Returns how many texts were indexed.

        `seconds`: after which it stops although texts wait.
        """
        backend, total = index_backend(), 0
        if not await fetch_one(_WAITS):
            return 0
        began = time.monotonic()
        end = began + seconds
        while began < end and (done := await backend.index_pending()):
            total += done
            pause = PAUSE_FACTOR * (time.monotonic() - began)
            await asyncio.sleep(max(PAUSE_SECONDS, pause))
            began = time.monotonic()
        return total  # if texts are left, other processes index them


async def index_all() -> int:
    """Index all waiting texts, for a command that waits. Returns how many texts were indexed."""
    total = 0

    def add(number: int) -> None:
        nonlocal total
        total += number

    await index_backend().index_all(add)
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

    def add(number: int) -> None:
        nonlocal done
        done = min(done + number, total)  # others may have been written in the meantime
        progress(done, total)

    await backend.index_all(add)
    return total
