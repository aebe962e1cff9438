"""The audit log: recording changes, reading them, and verifying that they are unchanged."""

from portico.audit import (
    AuditEntry,
    AuditFilter,
    AuditLog,
    ChainReport,
    ExportedChain,
    SealedEntry,
    count_sealed,
    current_author,
    exported_chain,
    has_seal,
    record_change,
    record_many,
    verify_chain,
    verify_export,
)

__all__ = [
    "AuditEntry",
    "AuditFilter",
    "AuditLog",
    "ChainReport",
    "ExportedChain",
    "SealedEntry",
    "count_sealed",
    "current_author",
    "exported_chain",
    "has_seal",
    "record_change",
    "record_many",
    "verify_chain",
    "verify_export",
]
