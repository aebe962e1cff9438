"""The table of cleaning, for queries through Piccolo. The migrations make it."""

from piccolo.columns import BigInt, Integer
from piccolo.table import Table

from portico.db import TableSet


class CleaningTable(Table, tablename="portico_cleaning"):
    """When an instance deleted old rows last; one row."""

    id = Integer(primary_key=True, default=1)
    worked_at = BigInt()


TABLES = TableSet(tables=(CleaningTable,), migrations="portico.retention.migrations")
