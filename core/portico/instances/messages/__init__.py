"""Messages between the live instances of one installation, through Redis or the database."""

from portico.instances.messages.changes import ChangedElsewhere, ChangeForwarder
from portico.instances.messages.channel import InstanceChannel

__all__ = ["ChangeForwarder", "ChangedElsewhere", "InstanceChannel"]
