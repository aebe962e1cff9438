"""The audit log: one row for each change of a role, a membership, a grant, a permission or the policies.

The row is written in the transaction of the change itself, so neither exists without the other. Seconds later it is
sealed (`chain`), so that a later change of it is found.
"""

from portico.audit.chain import (
    AuditRetention,
    AuditSealer,
    ChainReport,
    ExportedChain,
    count_sealed,
    exported_chain,
    has_seal,
    renew_end_signature,
    verify_chain,
    verify_export,
)
from portico.audit.log import AuditEntry, AuditFilter, AuditLog, SealedEntry
from portico.audit.personal_fields import drop_personal_fields
from portico.audit.tables import TABLES
from portico.audit.writer import (
    SYSTEM_AUTHOR,
    acting_as,
    current_author,
    record_change,
    record_many,
)

__all__ = [
    "SYSTEM_AUTHOR",
    "TABLES",
    "AuditEntry",
    "AuditFilter",
    "AuditLog",
    "AuditRetention",
    "AuditSealer",
    "ChainReport",
    "ExportedChain",
    "SealedEntry",
    "exported_chain",
    "has_seal",
    "verify_export",
    "acting_as",
    "current_author",
    "count_sealed",
    "drop_personal_fields",
    "record_change",
    "record_many",
    "renew_end_signature",
    "verify_chain",
]
