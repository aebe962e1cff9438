"""Tables of folders, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Boolean, Text
from piccolo.table import Table

from portico.api.db import TableSet


class FolderOwnerLockTable(Table, tablename="folders_owner"):
    """One row per account that has or had folders, locked by writers."""

    user_id = Text(primary_key=True, default="")
    changes = BigInt()


class FolderTable(Table, tablename="folders_folder"):
    """Folders. `icon`, `meta` and `data` hold JSON. No two of one owner and parent have the same normalized name."""

    id = Text(primary_key=True, default="")
    user_id = Text()
    parent_id = Text(null=True, default=None)
    name = Text()
    normalized_name = Text()
    search_name = Text()
    is_expanded = Boolean(default=False)
    created_at = BigInt()
    updated_at = BigInt()
    icon = Text(null=True, default=None)
    meta = Text(null=True, default=None)
    data = Text(null=True, default=None)


TABLES = TableSet(
    tables=(FolderOwnerLockTable, FolderTable), migrations="portico_folders.migrations"
)
