"""The table of the audit log, for queries through Piccolo. The migrations create it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.db import Reference, TableSet


class AuditTable(Table, tablename="portico_audit"):
    """One change each. `old` and `new` hold JSON."""

    number = BigInt(primary_key=True)
    at = BigInt()
    author = Text()
    event = Text()
    resource_kind = Text()
    resource_id = Text()
    old = Text(null=True, default=None)
    new = Text(null=True, default=None)


TABLES = TableSet(
    tables=(AuditTable,),
    migrations="portico.audit.migrations",
    references=(
        # Entries stay when the account is deleted.
        Reference("portico_audit", "author", "portico_account", repair="none"),
        Reference("portico_audit", "resource_id", "portico_account", repair="none"),
    ),
)
