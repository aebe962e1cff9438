"""The audit log: recording changes, and reading them."""

from portico.audit import AuditEntry, AuditFilter, AuditLog, current_author, record_change

__all__ = [
    "AuditEntry",
    "AuditFilter",
    "AuditLog",
    "current_author",
    "record_change",
]
