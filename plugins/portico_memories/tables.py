"""The table of memories, for Piccolo queries. The migrations create it."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.api.db import TableSet


class MemoryTable(Table, tablename="memories_memory"):
    """Memories. They are deleted with their account."""

    id = Text(primary_key=True, default="")
    user_id = Text()
    content = Text()
    search_text = Text()
    created_at = BigInt()
    updated_at = BigInt()


TABLES = TableSet(tables=(MemoryTable,), migrations="portico_memories.migrations")
