"""The tables of running instances, for queries through Piccolo. The migrations make them."""

from piccolo.columns import BigInt, Integer, Text
from piccolo.table import Table

from portico.db import TableSet


class InstanceTable(Table, tablename="portico_instance"):
    """One row for each process that serves. `newest_steps` and `tolerated_steps` are JSON."""

    id = Text(primary_key=True, default="")
    version = Text()
    release = Text()
    host = Text()
    process = Text()
    started_at = BigInt()
    seen_at = BigInt()
    newest_steps = Text()
    tolerated_steps = Text()


class DatabaseTable(Table, tablename="portico_database"):
    """One row: the id of this database, which the data directory remembers."""

    id = Integer(primary_key=True)
    database_id = Text()
    created_at = BigInt()


TABLES = TableSet(tables=(InstanceTable, DatabaseTable), migrations="portico.instances.migrations")
