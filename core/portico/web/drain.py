"""The last seconds of a process: how open streams learn that it is about to stop.

The server would wait for an endless answer for ever, or kill it without a word. A `Drain` tells every open stream to
say goodbye once the grace is over, so that the process can leave in order.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Drain:
    """Begins when the process is told to stop; `grace` seconds later open streams are ended.

    One for each application, at `app.state.drain`. `announce` and `start` are called by way of
    `loop.call_soon_threadsafe`. Not thread-safe otherwise. `announced`: `/ready` says *stopping*, all else goes on.
    """

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self.over = False
        self.announced = False
        self.started = False
        self._farewells: set[Callable[[], None]] = set()

    def announce(self) -> None:
        """Have load balancers stop sending requests here; nothing else ends yet."""
        self.announced = True

    def start(self) -> None:
        """Let open streams run for the grace, then end them. Calling it again changes nothing."""
        self.announced = True
        if not self.started:
            self.started = True
            asyncio.get_running_loop().call_later(self.grace, self.end)

    def end(self) -> None:
        """End all open streams now."""
        self.announced = self.started = True
        self.over = True
        for farewell in tuple(self._farewells):
            farewell()

    @contextmanager
    def track(self, farewell: Callable[[], None]) -> Iterator[None]:
        """While the block runs, `farewell` is called once if the grace ends; at once if it is over already."""
        self._farewells.add(farewell)
        try:
            if self.over:
                farewell()
            yield
        finally:
            self._farewells.discard(farewell)
