"""Attempts under way, and the attempts that wait for one of them to be refunded.

Many users behind one address who sign in at the same time look like an attack until the first of them succeed. So an
attempt waits briefly while a limit is reached only because of attempts under way.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Sequence

MAX_WAITING = 2000


class PendingAttempts:
    """Counts the attempts under way by key, and wakes the attempts that wait for one of them."""

    def __init__(self) -> None:
        self._pending: dict[str, int] = defaultdict(int)
        self._waiters: dict[str, deque[asyncio.Future[None]]] = defaultdict(deque)
        self._free_slots = MAX_WAITING
        #: Incremented when an attempt ends, so that a waiter cannot miss it.
        self.ended = 0

    def begin(self, keys: Sequence[str]) -> None:
        """Note an attempt under way that counts against these keys."""
        for key in keys:
            self._pending[key] += 1

    def end(self, keys: Sequence[str], *, refunded: bool) -> None:
        """Note the end of an attempt. `refunded`: it does not count any more."""
        self.ended += 1
        for key in keys:
            self._pending[key] -= 1
            if not self._pending[key]:
                del self._pending[key]
            # A refund allows one more attempt. Without attempts under way the others wait in vain.
            self._wake(key, 1 if refunded and key in self._pending else None)

    def cancel(self, keys: Sequence[str]) -> None:
        """Note that an attempt was refused because the shared limit is reached.

        Attempts that wait for another one are not woken: they would be refused too, and wake each other.
        """
        for key in keys:
            self._pending[key] -= 1
            if not self._pending[key]:
                del self._pending[key]
                self._wake(key, None)

    def can_wait(self, key: str) -> bool:
        """Return whether an attempt may be refunded soon, and a waiting slot is free."""
        return key in self._pending and self._free_slots > 0

    async def wait(self, key: str) -> None:
        """Wait until an attempt of this key has ended."""
        waiter = asyncio.get_running_loop().create_future()
        waiters = self._waiters[key]
        waiters.append(waiter)
        self._free_slots -= 1
        try:
            await waiter
        finally:
            self._free_slots += 1
            with contextlib.suppress(ValueError):
                waiters.remove(waiter)
            if not waiters and self._waiters.get(key) is waiters:
                del self._waiters[key]

    def _wake(self, key: str, limit: int | None) -> None:
        waiters = self._waiters.get(key, ())
        for waiter in list(waiters)[:limit]:
            if not waiter.done():
                waiter.set_result(None)
