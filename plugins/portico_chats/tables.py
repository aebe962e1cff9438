"""Tables of chats, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Boolean, SmallInt, Text
from piccolo.table import Table

from portico.api.db import Reference, TableSet


class ChatTable(Table, tablename="chats_chat"):
    """Chats. `chat` and `meta` hold JSON; `chat` holds the skeleton, without the messages."""

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
    current_id = Text(null=True, default=None)
    messages_at = BigInt(null=True, default=None)
    branch_at = BigInt(null=True, default=None)
    revision = BigInt(default=1)


class MessageTable(Table, tablename="chats_message"):
    """Messages. `body` holds JSON."""

    chat_id = Text()
    id = Text(primary_key=True, default="")
    position = BigInt()
    parent_id = Text(null=True, default=None)
    role = Text()
    created_at = BigInt()
    updated_at = BigInt()
    created_revision = BigInt()
    known_revision = BigInt()
    session_id = Text()
    body = Text()


class DeletedMessageTable(Table, tablename="chats_deleted_message"):
    """Ids of recently deleted messages."""

    chat_id = Text(primary_key=True, default="")
    id = Text()
    at = BigInt()


class SeenRevisionTable(Table, tablename="chats_seen_revision"):
    """Last revision of a chat that each session was shown."""

    chat_id = Text(primary_key=True, default="")
    session_id = Text()
    revision = BigInt()
    at = BigInt()


class ShareTable(Table, tablename="chats_share"):
    """Snapshots of shared chats. `chat` holds JSON."""

    id = Text(primary_key=True, default="")
    chat_id = Text(unique=True)
    title = Text()
    created_at = BigInt()
    updated_at = BigInt()
    chat = Text()


class ChatOwnerTagTable(Table, tablename="chats_tag"):
    """Names of tags in their owner's spelling."""

    user_id = Text(primary_key=True, default="")
    id = Text()
    name = Text()


class ChatTagTable(Table, tablename="chats_chat_tag"):
    """Tags of chats."""

    chat_id = Text(primary_key=True, default="")
    tag_id = Text()
    user_id = Text()


class TagOwnerLockTable(Table, tablename="chats_tag_owner"):
    """One row per owner of tags, locked by writers."""

    user_id = Text(primary_key=True, default="")
    changes = BigInt()


class IndexedTextTable(Table, tablename="chats_text"):
    """Searchable texts."""

    number = BigInt(primary_key=True, default=0)
    owner_id = Text()
    chat_id = Text()
    part = Text()
    text = Text()
    state = SmallInt(default=0)


TABLES = TableSet(
    tables=(
        ChatTable,
        MessageTable,
        DeletedMessageTable,
        SeenRevisionTable,
        ShareTable,
        ChatOwnerTagTable,
        ChatTagTable,
        TagOwnerLockTable,
        IndexedTextTable,
    ),
    migrations="portico_chats.migrations",
    references=(
        Reference("chats_chat", "share_id", "chats_share", repair="clear"),
        Reference("chats_chat_tag", "user_id", "portico_account"),
        # Deleted with its chat, see `storage/database_checks.py`.
        Reference("chats_text", "owner_id", "portico_account", repair="none"),
    ),
)
