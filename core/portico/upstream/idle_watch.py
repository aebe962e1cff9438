"""Time limit for providers that fall silent in the middle of a stream.

One timer checks all streams of a source: a timer for each, set again with every block, would cost a tenth of relaying it.
"""

import asyncio
from typing import Protocol


class WatchedStream(Protocol):
    """A stream. `waits_since`: the tick at which it began to wait for its provider; None = it does not wait."""

    waits_since: int | None

    def on_silence(self) -> None:
        """End the stream: the provider was silent for too long."""
        ...


class IdleWatch:
    """Ends the streams that have waited for `limit` seconds, at most a quarter later. `tick`: counts its checks."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._every = min(1.0, limit / 4)
        self._streams: set[WatchedStream] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.tick = 0

    def add(self, stream: WatchedStream) -> None:
        """Begin to watch a stream."""
        self._streams.add(stream)
        if self._timer is None:
            self._schedule()

    def discard(self, stream: WatchedStream) -> None:
        """Stop watching a stream, if it is watched."""
        self._streams.discard(stream)

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._every, self._check)

    def _check(self) -> None:
        self.tick += 1
        for stream in list(self._streams):
            since = stream.waits_since
            if since is not None and (self.tick - since) * self._every > self._limit:
                stream.on_silence()
        self._timer = None
        if self._streams:
            self._schedule()
