"""The models in use now. Clients report one with an event each second while they wait for a reply of it.

Each instance counts its own sockets and tells the others the ids, so no entry outlives its instance for longer than
three seconds.
"""

import time
from typing import Final

import msgspec

from portico.api import AppContext
from portico.api.sockets import ConnectedSocket

#: Seconds after a report for which a model counts as in use.
EXPIRY_SECONDS: Final = 3.0
#: Seconds between two messages to the other instances.
ANNOUNCE_SECONDS: Final = 1.0
TOPIC: Final = "models.usage"
_IDS: Final = msgspec.json.Decoder(list[str])


class UsageReport(msgspec.Struct, frozen=True):
    """The payload of the event `usage`. Its other fields are not read."""

    model: str


class UsagePool:
    """The models in use on all instances, for each with the sockets of this instance that use it."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._sockets: dict[str, dict[str, float]] = {}
        self._remote: dict[str, tuple[float, list[str]]] = {}
        self._announced_at = 0.0
        app.instance_channel.subscribe(TOPIC, self._on_announcement)

    async def report(self, socket: ConnectedSocket, report: UsageReport) -> None:
        """Note that a socket uses a model, if its account may use that. Others are ignored."""
        if await self._app.catalogue.is_usable(report.model, socket.actor):
            now = time.monotonic()
            self._sockets.setdefault(report.model, {})[socket.id] = now
            self._announce(now)

    def model_ids(self) -> list[str]:
        """Return the ids of the models in use, sorted."""
        now = time.monotonic()
        self._remove_expired(now)
        return sorted({*self._sockets, *(one for _, ids in self._remote.values() for one in ids)})

    def _announce(self, now: float) -> None:
        if now - self._announced_at >= ANNOUNCE_SECONDS:
            self._announced_at = now
            self._remove_expired(now)
            payload = msgspec.json.encode(list(self._sockets))
            self._app.instance_channel.publish(TOPIC, payload)

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
