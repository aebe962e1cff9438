"""Starting and stopping an application: its plugins, its database schema, its background tasks."""

from portico.boot.application import MIGRATING, Application
from portico.boot.schema import CannotStart

__all__ = [
    "MIGRATING",
    "Application",
    "CannotStart",
]
