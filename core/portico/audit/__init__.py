"""The audit log: one row for each change of a role, a membership, a grant, a permission or the policies.

The row is written in the transaction of the change itself, so neither exists without the other.
"""

from portico.audit.log import AuditEntry, AuditFilter, AuditLog
from portico.audit.tables import TABLES
from portico.audit.writer import (
    SYSTEM_AUTHOR,
    acting_as,
    current_author,
    drop_fields,
    record_change,
    record_many,
)

__all__ = [
    "SYSTEM_AUTHOR",
    "TABLES",
    "AuditEntry",
    "AuditFilter",
    "AuditLog",
    "acting_as",
    "current_author",
    "drop_fields",
    "record_change",
    "record_many",
]
