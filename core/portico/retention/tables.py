"""The retention table, for queries through Piccolo. The migrations create it."""

from piccolo.columns import BigInt, Integer
from piccolo.table import Table

from portico.db import TableSet


class CleaningTable(Table, tablename="portico_cleaning"):
    """The time of the last deletion of old rows; one row. Earlier releases write it; nothing reads it any more."""

    id = Integer(primary_key=True, default=1)
    worked_at = BigInt()


TABLES = TableSet(tables=(CleaningTable,), migrations="portico.retention.migrations")
