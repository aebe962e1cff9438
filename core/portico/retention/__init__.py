"""Retention: deletes rows that are older than configured, in small batches, by one instance at a time."""

from portico.retention.deletion_task import DeletionTask
from portico.retention.tables import TABLES

__all__ = [
    "TABLES",
    "DeletionTask",
]
