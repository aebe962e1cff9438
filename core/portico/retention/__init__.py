"""Retention: deletes rows that are older than configured, in small batches, by one instance at a time."""

from portico.retention.deletion_task import Cleaner
from portico.retention.tables import TABLES

__all__ = [
    "TABLES",
    "Cleaner",
]
