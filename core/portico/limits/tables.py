"""The table of familiar places, for queries through Piccolo. The migrations make it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.db import TableSet


class FamiliarTable(Table, tablename="portico_familiar"):
    """From where somebody signed in before; `id` is a digest of both."""

    id = Text(primary_key=True, default="")
    seen_at = BigInt()


TABLES = TableSet(tables=(FamiliarTable,), migrations="portico.limits.migrations")
