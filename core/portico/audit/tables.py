"""Table of the audit log, for queries through Piccolo. The migrations create it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.db import Reference, TableSet


class AuditTable(Table, tablename="portico_audit"):
    """One row for each change. `was` and `became` hold JSON."""

    number = BigInt(primary_key=True)
    at = BigInt()
    author = Text()
    what = Text()
    subject_kind = Text()
    subject_id = Text()
    was = Text(null=True, default=None)
    became = Text(null=True, default=None)


TABLES = TableSet(
    tables=(AuditTable,),
    migrations="portico.audit.migrations",
    references=(
        # Entries outlive their accounts.
        Reference("portico_audit", "author", "portico_account", orphans="keep"),
        Reference("portico_audit", "subject_id", "portico_account", orphans="keep"),
    ),
)
