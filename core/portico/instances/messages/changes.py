"""Tells the other instances that something was changed which they may have cached.

Each cache expires by itself within a second, also when a message is lost. But what is derived from a cached value is
cached as well, and so the delays add up: with a message all of it is read again at once.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from portico.events import EventBus, Listener
from portico.instances.messages.channel import InstanceChannel

TOPIC: Final = "changes"
#: Seconds for which changes are collected into one message.
COLLECT_SECONDS: Final = 0.05


class ChangedElsewhere(msgspec.Struct, frozen=True):
    """Another instance has changed groups or runtime settings. Clear what is cached of them."""


class ChangeForwarder:
    """Publishes `ChangedElsewhere` on all other instances after events of this one."""

    def __init__(self, channel: InstanceChannel, bus: EventBus) -> None:
        self._channel, self._bus = channel, bus
        self._timer: asyncio.TimerHandle | None = None
        channel.subscribe(TOPIC, self._receive)

    def listeners(self, events: Iterable[type[Any]]) -> list[Listener]:
        """Return the listeners to these events."""
        return [Listener(event, self._forward) for event in events]

    def _forward(self, _: object) -> None:
        if self._timer is None and self._channel.has_peers:
            self._timer = asyncio.get_running_loop().call_later(COLLECT_SECONDS, self._send)

    def _send(self) -> None:
        self._timer = None
        self._channel.publish(TOPIC, b"")

    def _receive(self, _sender: str, _payload: bytes) -> None:
        self._bus.publish(ChangedElsewhere())
