"""The instances (server and worker processes) of a database, their releases, and which migrations may run beside them.

An instance has a row while it runs. A release is the version together with the known migration steps, so two states of
the same version differ. A step is applied beside an instance of another release only if the step declares it safe.
"""

from portico.instances.addresses import InstanceAddress, find_address, lack_urls, valid_instance_url
from portico.instances.database_identity import DatabaseIdentity, MissingDatabase
from portico.instances.messages import ChangedElsewhere, ChangeForwarder, InstanceChannel
from portico.instances.registry import InstanceRow, OwnInstance, Role, live_instances
from portico.instances.release import Release, release_of
from portico.instances.schema import SchemaRefused, bring_up_to_date, unknown_steps
from portico.instances.tables import TABLES

__all__ = [
    "TABLES",
    "ChangeForwarder",
    "ChangedElsewhere",
    "DatabaseIdentity",
    "InstanceAddress",
    "InstanceChannel",
    "InstanceRow",
    "MissingDatabase",
    "OwnInstance",
    "Release",
    "Role",
    "SchemaRefused",
    "bring_up_to_date",
    "find_address",
    "lack_urls",
    "live_instances",
    "release_of",
    "unknown_steps",
    "valid_instance_url",
]
