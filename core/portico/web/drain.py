"""Graceful shutdown: ends open streams when the grace period is over.

The server would wait for an endless response for ever, or cut it off. A `Drain` has every open stream send its last
event once the grace period is over, so that the process can exit in order.
"""

import asyncio
from collections.abc import Callable, Iterator
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
            asyncio.get_running_loop().call_later(self.grace, self.end)
            for callback in self._on_start:
                _call(callback)

    def end(self) -> None:
        """End all open streams now."""
        self.announced = self.started = True
        self.over = True
        for callback in tuple(self._callbacks):
            _call(callback)

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
