"""When each key was used last: noted in memory with each request, written down now and then, many at a time."""

import asyncio

import structlog

from portico.api import chunks, now
from portico_keys import store

#: Seconds between two rounds of writing.
EVERY = 10
#: Seconds between two writes for the same key, whoever makes them.
SELDOM = 60

log = structlog.get_logger("portico.keys")


class Uses:
    """The uses of keys that this process saw. Units: epoch seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        #: What was written, and when.
        self._written: dict[str, tuple[int, int]] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, key_id: str) -> None:
        """A key is used now. Called with every request."""
        self._seen[key_id] = now()

    def last(self, key_id: str, stored: int | None) -> int | None:
        """When a key was used last. `stored`: what the database says."""
        return max(self._seen.get(key_id, 0), stored or 0) or None

    def start(self) -> None:
        """Begin to write what is noted. Needs the running loop, and the database in use."""
        self._task = asyncio.create_task(self._rounds())

    async def stop(self) -> None:
        """Write the rest, and end. Nothing to do where it was not started."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait({task})
        await self._attempt(at_once=True)

    async def flush(self, *, at_once: bool = False) -> None:
        """Write down what was used; a key that was written within the last minute waits, unless `at_once`."""
        written = {one: self._written.get(one, (0, 0)) for one in self._seen}
        due = sorted(
            (one, at)
            for one, at in self._seen.items()
            if at > written[one][0] and (at_once or now() - written[one][1] >= SELDOM)
        )
        for some in chunks(due):
            await store.write_uses(some)
            self._written.update((one, (at, now())) for one, at in some)
        self._forget()

    def _forget(self) -> None:
        """Drop what was written and has not been used for a while."""
        gone = [
            one
            for one, at in self._seen.items()
            if now() - at > SELDOM and self._written.get(one, (0, 0))[0] >= at
        ]
        for one in gone:
            del self._seen[one], self._written[one]

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self._attempt()

    async def _attempt(self, *, at_once: bool = False) -> None:
        """What could not be written is still known in the next round; nothing here keeps a house from closing."""
        try:
            await self.flush(at_once=at_once)
        except Exception as error:  # noqa: BLE001 - away, full, a deadlock with another instance
            log.warning("uses of keys not written", error=type(error).__name__)
