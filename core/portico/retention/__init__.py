"""Retention: deletes rows that are older than configured, in small batches, once an hour for all instances."""

from portico.retention.old_rows import delete_old_rows
from portico.retention.tables import TABLES

__all__ = [
    "TABLES",
    "delete_old_rows",
]
