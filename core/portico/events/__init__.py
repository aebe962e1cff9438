"""Domain events: what happened, told to whoever asked to hear it."""

from portico.events.bus import EventBus, Listener

__all__ = [
    "EventBus",
    "Listener",
]
