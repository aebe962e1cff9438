"""Tries that are being judged, and whoever waits for one of them to make room.

A crowd behind one address that signs in at nine o'clock looks like somebody who guesses, until the first of them have
been let in. So whoever comes while places are only taken, not lost, waits a little.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Sequence

#: How many may wait in this process.
MOST = 2000


class PendingAttempts:
    """Counts the tries being judged, by key, and wakes those who wait for the end of one."""

    def __init__(self) -> None:
        self._judged: dict[str, int] = defaultdict(int)
        self._waiters: dict[str, deque[asyncio.Future[None]]] = defaultdict(deque)
        self._places = MOST
        #: Goes up whenever a try has ended, so that nobody sleeps through it.
        self.ended = 0

    def begin(self, keys: Sequence[str]) -> None:
        """A try is being judged that counts against these keys."""
        for key in keys:
            self._judged[key] += 1

    def end(self, keys: Sequence[str], *, returned: bool) -> None:
        """It is over. `returned`: its places are free again."""
        self.ended += 1
        for key in keys:
            self._judged[key] -= 1
            if not self._judged[key]:
                del self._judged[key]
            # One place lets one in; when nobody is judged any more, all the others have waited in vain.
            self._wake(key, 1 if returned and key in self._judged else None)

    def cancel(self, keys: Sequence[str]) -> None:
        """It will not be judged after all, since all instances together have no place. Wakes nobody who waits for
        another one: they would find no place either, and wake each other for as long as they wait.
        """
        for key in keys:
            self._judged[key] -= 1
            if not self._judged[key]:
                del self._judged[key]
                self._wake(key, None)

    def can_wait(self, key: str) -> bool:
        """Whether a place may be given back soon, and there is room to wait for it."""
        return key in self._judged and self._places > 0

    async def wait(self, key: str) -> None:
        """Until a try of this key has ended."""
        waiter = asyncio.get_running_loop().create_future()
        waiters = self._waiters[key]
        waiters.append(waiter)
        self._places -= 1
        try:
            await waiter
        finally:
            self._places += 1
            with contextlib.suppress(ValueError):
                waiters.remove(waiter)
            if not waiters and self._waiters.get(key) is waiters:
                del self._waiters[key]

    def _wake(self, key: str, most: int | None) -> None:
        waiters = self._waiters.get(key, ())
        for waiter in list(waiters)[:most]:
            if not waiter.done():
                waiter.set_result(None)
