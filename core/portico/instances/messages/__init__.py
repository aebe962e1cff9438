"""Messages between the live instances of one installation, through Redis or the database."""

from portico.instances.messages.channel import InstanceChannel

__all__ = ["InstanceChannel"]
