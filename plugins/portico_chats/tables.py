"""The table of chats, for queries through Piccolo. The migrations make it."""

from piccolo.columns import BigInt, Boolean, Text
from piccolo.table import Table

from portico.api import TableSet


class ChatTable(Table, tablename="chats_chat"):
    """Conversations. `chat` and `meta` hold JSON."""

    id = Text(primary_key=True, default="")
    user_id = Text()
    title = Text()
    created_at = BigInt()
    updated_at = BigInt()
    archived = Boolean(default=False)
    pinned = Boolean(default=False)
    share_id = Text(null=True, default=None, unique=True)
    folder_id = Text(null=True, default=None)
    meta = Text(default="{}")
    chat = Text()


TABLES = TableSet(tables=(ChatTable,), migrations="portico_chats.migrations")
