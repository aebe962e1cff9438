"""The models in use now. Clients report one with an event each second while they wait for a reply of it.

Each instance counts its own sockets and tells the others the ids, so no entry outlives its instance for longer than
three seconds.
"""

import asyncio
import time
from typing import Final

import msgspec

from portico.api import AppContext
from portico.api.sockets import ConnectedSocket

#: Seconds after a report for which a model counts as in use.
EXPIRY_SECONDS: Final = 3.0
#: Seconds between two messages to the other instances, with the same models as before and with others.
ANNOUNCE_SECONDS: Final = 1.0
ANNOUNCE_CHANGE_SECONDS: Final = 0.2
TOPIC: Final = "models.usage"
_IDS: Final = msgspec.json.Decoder(list[str])


class PoolReport(msgspec.Struct, frozen=True):
    """The payload of the event `usage`. Its other fields are not read."""

    model: str


class UsagePool:
    """The models in use on all instances, for each with the sockets of this instance that use it."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._sockets: dict[str, dict[str, float]] = {}
        self._remote: dict[str, tuple[float, list[str]]] = {}
        self._announced: frozenset[str] = frozenset()
        self._announced_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        app.instance_channel.subscribe(TOPIC, self._on_announcement)

    async def report(self, socket: ConnectedSocket, report: PoolReport) -> None:
        """Note that a socket uses a model, if its account may use that. Others are ignored."""
        if await self._app.catalogue.is_usable(report.model, socket.actor):
            now = time.monotonic()
            self._sockets.setdefault(report.model, {})[socket.id] = now
            self._announce_soon(now)

    def model_ids(self) -> list[str]:
        """Return the ids of the models in use, sorted."""
        now = time.monotonic()
        self._remove_expired(now)
        return sorted({*self._sockets, *(one for _, ids in self._remote.values() for one in ids)})

    def _announce_soon(self, now: float) -> None:
        """Tell the others at once of a model that they do not know of, unless they were told of one just now."""
        is_known = self._announced.issuperset(self._sockets)
        wait = (
            self._announced_at - now + (ANNOUNCE_SECONDS if is_known else ANNOUNCE_CHANGE_SECONDS)
        )
        if wait <= 0:
            self._announce()
        elif not is_known and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._announce)

    def _announce(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._announced_at = time.monotonic()
        self._remove_expired(self._announced_at)
        self._announced = frozenset(self._sockets)
        self._app.instance_channel.publish(TOPIC, msgspec.json.encode(list(self._sockets)))

    def _on_announcement(self, sender: str, payload: bytes) -> None:
        try:
            self._remote[sender] = time.monotonic(), _IDS.decode(payload)
        except msgspec.MsgspecError:
            return  # of another release

    def _remove_expired(self, now: float) -> None:
        for model_id, sockets in list(self._sockets.items()):
            for socket_id in [one for one, at in sockets.items() if now - at > EXPIRY_SECONDS]:
                del sockets[socket_id]
            if not sockets:
                del self._sockets[model_id]
        for sender in [one for one, (at, _) in self._remote.items() if now - at > EXPIRY_SECONDS]:
            del self._remote[sender]
