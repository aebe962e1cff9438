"""Domain events: published by the core and plugins, delivered to listeners."""

from portico.events.alert import AdministratorAlert
from portico.events.bus import EventBus, Listener

__all__ = [
    "AdministratorAlert",
    "EventBus",
    "Listener",
]
