"""The table of grants, for queries through Piccolo. The migrations make it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.db import TableSet


class GrantTable(Table, tablename="portico_grant"):
    """Who was given what."""

    id = Text(primary_key=True, default="")
    resource_kind = Text()
    resource_id = Text()
    action = Text()
    principal_kind = Text()
    principal_id = Text()
    position = BigInt()
    created_at = BigInt()


TABLES = TableSet(tables=(GrantTable,), migrations="portico.permissions.migrations")
