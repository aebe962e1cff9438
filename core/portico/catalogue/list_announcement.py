"""Tells the other instances that the list of a source has changed, so that they load it too.

Each instance loads the lists by itself, when a request needs them. So without a message, one that has had no request for a
while would first answer with an old list, and one whose lists are cached until they are refreshed would keep it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from portico.catalogue.source_cache import CachedSource
from portico.instances import InstanceChannel

TOPIC: Final = "catalogue.lists"
#: Seconds between two refreshes of a source that other instances cause.
MIN_REFRESH_SECONDS: Final = 0.3
_DECODER: Final = msgspec.json.Decoder(list[tuple[str, str]])


class ListAnnouncer:
    """Announces new lists of this instance, and refreshes the sources whose lists others announce.

    A list that was loaded because of an announcement is not announced again, so a source that answers differently each
    time keeps no instances busy; nor is one loaded that was never asked for here. `sources`: returns those of this instance.
    """

    def __init__(
        self, channel: InstanceChannel, sources: Callable[[], Iterable[CachedSource]]
    ) -> None:
        self._channel, self._sources = channel, sources
        self._timers: dict[CachedSource, asyncio.TimerHandle] = {}
        channel.subscribe(TOPIC, self._receive)

    def announce(self, sources: Iterable[CachedSource]) -> None:
        """Make the other instances refresh these sources."""
        names = [(one.plugin, one.source.name) for one in sources]
        self._channel.publish(TOPIC, msgspec.json.encode(names))

    def stop(self) -> None:
        """Refresh nothing any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _receive(self, _sender: str, payload: bytes) -> None:
        try:
            names = set(_DECODER.decode(payload))
        except msgspec.MsgspecError:
            return  # of another release
        for source in self._sources():
            is_named = (source.plugin, source.source.name) in names
            if is_named and source.has_answered and source not in self._timers:
                self._schedule(source, 0.0)

    def _schedule(self, source: CachedSource, delay: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[source] = loop.call_later(delay, self._refresh, source)

    def _refresh(self, source: CachedSource) -> None:
        if source.pending is not None or source.refreshed_within(MIN_REFRESH_SECONDS):
            self._schedule(
                source, MIN_REFRESH_SECONDS
            )  # the running one may have been answered before
            return
        del self._timers[source]
        source.refresh(announced=True)
