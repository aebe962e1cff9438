"""Domain events: what happened, told to whoever asked to hear it."""

from portico.events.bus import Bus, Listener

__all__ = ["Bus", "Listener"]
