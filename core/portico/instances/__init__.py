"""The processes that serve from one database: which they are, of which release, and what that allows.

An instance has a row while it runs. A release is its version together with the steps it knows, so that two states of the
same version are told apart. Steps are applied while an instance of another release runs only where they say so.
"""

from portico.instances.database_identity import DatabaseIdentity, MissingDatabase
from portico.instances.registry import InstanceRow, OwnInstance, live_instances
from portico.instances.release import Release, release_of
from portico.instances.schema import SchemaRefused, bring_up_to_date, unknown_steps
from portico.instances.tables import TABLES

__all__ = [
    "TABLES",
    "DatabaseIdentity",
    "InstanceRow",
    "MissingDatabase",
    "OwnInstance",
    "Release",
    "SchemaRefused",
    "bring_up_to_date",
    "live_instances",
    "release_of",
    "unknown_steps",
]
