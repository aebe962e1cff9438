"""The hash chain of the audit log: seals segments of entries after the fact, and verifies them."""

from portico.audit.chain.export_file import ExportedChain, exported_chain, verify_export
from portico.audit.chain.retention import AuditRetention
from portico.audit.chain.rows import broken_seals, has_seal, unsealed_age
from portico.audit.chain.sealer import AuditSealer, renew_end_signature
from portico.audit.chain.verification import ChainReport, count_sealed, verify_chain

__all__ = [
    "AuditRetention",
    "AuditSealer",
    "ChainReport",
    "ExportedChain",
    "broken_seals",
    "count_sealed",
    "exported_chain",
    "has_seal",
    "renew_end_signature",
    "unsealed_age",
    "verify_chain",
    "verify_export",
]
