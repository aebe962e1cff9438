"""The table of the audit log, for queries through Piccolo. The migrations create it."""

from piccolo.columns import BigInt, DoublePrecision, Integer, Text
from piccolo.table import Table

from portico.db import Reference, TableSet


class AuditTable(Table, tablename="portico_audit"):
    """One change each. `old` and `new` hold JSON. The columns after them: see `chain`."""

    number = BigInt(primary_key=True)
    at = BigInt()
    author = Text()
    event = Text()
    resource_kind = Text()
    resource_id = Text()
    old = Text(null=True, default=None)
    new = Text(null=True, default=None)
    segment = BigInt(null=True, default=None)
    salt = Text()
    dropped = Text()
    signature = Text()


class AuditSealTable(Table, tablename="portico_audit_seal"):
    """One row for each segment of the hash chain, also after its entries were deleted."""

    segment = BigInt(primary_key=True)
    sealed_at = BigInt()
    entries = BigInt()
    numbers = Text()
    newest_at = BigInt()
    content = Text()
    previous = Text()
    broken = Text()
    signature = Text()


class AuditChainTable(Table, tablename="portico_audit_chain"):
    """One row: the end of the hash chain, and which process may seal until when."""

    id = Integer(primary_key=True)
    holder = Text()
    held_until = DoublePrecision()
    segment = BigInt()
    digest = Text()
    removed_through = BigInt()
    signature = Text()


TABLES = TableSet(
    tables=(AuditTable, AuditSealTable, AuditChainTable),
    migrations="portico.audit.migrations",
    references=(
        # Entries stay when the account is deleted.
        Reference("portico_audit", "author", "portico_account", repair="none"),
        Reference("portico_audit", "resource_id", "portico_account", repair="none"),
    ),
)
