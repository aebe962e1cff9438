"""Deleting what is older than operators want to keep it: a little at a time, by one instance at a time."""

from portico.retention.deletion_task import Cleaner
from portico.retention.tables import TABLES

__all__ = [
    "TABLES",
    "Cleaner",
]
