"""Graceful shutdown: ends open streams when the grace period is over.

The server would wait for an endless response for ever, or cut it off. A `Drain` has every open stream send its last
event once the grace period is over, so that the process can exit in order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog

from portico.errors import error_location
from portico.plugin_errors.plugin_exit import is_failure

log = structlog.get_logger("portico.web")


class Drain:
    """Starts when the process receives SIGTERM; `grace` seconds later open streams are ended.

    One for each application, at `app.state.drain`. Not thread-safe: other threads call `announce` and `start` with
    `loop.call_soon_threadsafe`. `announced`: `/ready` reports *stopping*, everything else works as before.
    """

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self.over = False
        self.announced = False
        self.started = False
        self._callbacks: set[Callable[[], None]] = set()
        self._on_start: list[Callable[[], None]] = []
        self._work: list[Callable[[], Awaitable[object]]] = []
        self._end_at = 0.0

    def on_start(self, callback: Callable[[], None]) -> None:
        """Call `callback` when draining starts."""
        self._on_start.append(callback)

    def announce(self) -> None:
        """Have `/ready` report *stopping*, so that load balancers send no further requests. Ends nothing yet."""
        self.announced = True

    def start(self) -> None:
        """Start draining: let open streams run for the grace period, then end them. Calling it again changes nothing."""
        self.announced = True
        if not self.started:
            self.started = True
            loop = asyncio.get_running_loop()
            self._end_at = loop.time() + self.grace
            loop.call_at(self._end_at, self.end)
            for callback in self._on_start:
                _call(callback)

    def end(self) -> None:
        """End all open streams now."""
        self.announced = self.started = True
        self.over = True
        for callback in tuple(self._callbacks):
            _call(callback)

    def wait_for(self, work: Callable[[], Awaitable[object]]) -> None:
        """Have the shutdown of plugins wait for work that no open stream shows, such as replies without a client.

        `work` is called then, and cancelled when the grace period is over. Registering it again changes nothing.
        """
        if work not in self._work:
            self._work.append(work)

    async def finish(self) -> None:
        """Wait for such work until the grace period is over. Returns at once if nothing is being drained."""
        left = self._end_at - asyncio.get_running_loop().time()
        if not self.started or self.over or left <= 0 or not self._work:
            return
        running = [asyncio.ensure_future(work()) for work in self._work]
        _, pending = await asyncio.wait(running, timeout=left)
        for one in pending:
            one.cancel()
        for found in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(found, Exception):
                log.warning(
                    "work was not finished", error=type(found).__name__, at=error_location(found)
                )

    def add(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the grace period ends; at once if it has ended already."""
        self._callbacks.add(callback)
        if self.over:
            callback()

    def discard(self, callback: Callable[[], None]) -> None:
        """Call `callback` no more."""
        self._callbacks.discard(callback)

    @contextmanager
    def track(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` once if the grace period ends while the block runs; at once if it has ended already."""
        try:
            self.add(callback)
            yield
        finally:
            self.discard(callback)


def _call(callback: Callable[[], None]) -> None:
    """Call a callback, which may be of a plugin. One that fails is logged: the other streams must end too."""
    try:
        callback()
    except BaseException as error:
        if not is_failure(error):
            raise
        log.warning("stream not ended", error=type(error).__name__, at=error_location(error))
