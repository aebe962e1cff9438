"""Lists that were put together a moment ago, for whoever asks again."""

import time
from collections import OrderedDict
from collections.abc import Hashable

#: Bytes kept. A list of ten thousand models is a few megabytes.
ROOM = 32 * 1024 * 1024


class Documents:
    """Documents by key, those used last, for `moment` seconds. The key says what a document rests on."""

    def __init__(self, moment: float, room: int = ROOM) -> None:
        self._moment = moment
        self._room = room
        self._held = 0
        self._known: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()

    def get(self, key: Hashable) -> bytes | None:
        """The document, if it is still good."""
        found = self._known.get(key)
        if found is None or found[0] <= time.monotonic():
            return None
        self._known.move_to_end(key)
        return found[1]

    def keep(self, key: Hashable, document: bytes) -> None:
        """Remember a document, and forget the ones used longest ago while there is no room."""
        if not self._moment or len(document) > self._room:
            return
        self._drop(key)
        self._known[key] = (time.monotonic() + self._moment, document)
        self._held += len(document)
        while self._held > self._room:
            self._drop(next(iter(self._known)))

    def _drop(self, key: Hashable) -> None:
        if (found := self._known.pop(key, None)) is not None:
            self._held -= len(found[1])
