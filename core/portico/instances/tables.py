"""Tables of instances, their messages and the database id, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Integer, Text
from piccolo.table import Table

from portico.db import TableSet


class InstanceTable(Table, tablename="portico_instance"):
    """One row for each running instance. `newest_steps`, `tolerated_steps`: JSON. `role`: a `Role`."""

    id = Text(primary_key=True, default="")
    version = Text()
    release = Text()
    host = Text()
    process = Text()
    started_at = BigInt()
    seen_at = BigInt()
    newest_steps = Text()
    tolerated_steps = Text()
    role = Text(default="server")
    socket_path = Text()
    url = Text()


class DatabaseTable(Table, tablename="portico_database"):
    """One row: the id of this database, which is also stored in the data directory."""

    id = Integer(primary_key=True)
    database_id = Text()
    created_at = BigInt()


class InstanceMessageTable(Table, tablename="portico_instance_message"):
    """Messages between instances, for a minute. `content`: signed text."""

    id = BigInt(primary_key=True)
    sender = Text()
    sent_at = BigInt()
    content = Text()


TABLES = TableSet(
    tables=(InstanceTable, DatabaseTable, InstanceMessageTable),
    migrations="portico.instances.migrations",
)
