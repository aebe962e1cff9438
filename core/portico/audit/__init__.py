"""Who changed what: one row for each change of a role, a membership, a grant, a permission or the law.

A row is written in the transaction of the change itself, so there is never one without the other.
"""

from portico.audit.record import SYSTEM, acting, author, drop_fields, record, record_many
from portico.audit.tables import TABLES
from portico.audit.trail import Asked, Entry, Trail

__all__ = [
    "SYSTEM",
    "TABLES",
    "Asked",
    "Entry",
    "Trail",
    "acting",
    "author",
    "drop_fields",
    "record",
    "record_many",
]
