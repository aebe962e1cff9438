"""Tables of files, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Boolean, Text
from piccolo.table import Table

from portico.api.db import TableSet


class FileOwnerTable(Table, tablename="files_owner"):
    """How many files each account has, and their bytes."""

    user_id = Text(primary_key=True, default="")
    number = BigInt()
    bytes = BigInt()


class FileTable(Table, tablename="files_file"):
    """Files. `metadata` holds JSON; the content is in the store."""

    id = Text(primary_key=True, default="")
    user_id = Text()
    filename = Text()
    search_name = Text()
    content_type = Text()
    is_text = Boolean()
    size = BigInt()
    hash = Text()
    is_processed = Boolean()
    created_at = BigInt()
    updated_at = BigInt()
    metadata = Text()


class FileTextTable(Table, tablename="files_text"):
    """Texts in place of the contents of files."""

    file_id = Text(primary_key=True, default="")
    content = Text()


class ChatFileTable(Table, tablename="files_chat"):
    """In which chats models got which files."""

    file_id = Text(primary_key=True, default="")
    chat_id = Text()


class LooseObjectTable(Table, tablename="files_loose_object"):
    """Objects of the store that belong to no file, or not yet."""

    id = Text(primary_key=True, default="")
    instance_id = Text(null=True, default=None)
    created_at = BigInt()


TABLES = TableSet(
    tables=(FileOwnerTable, FileTable, FileTextTable, ChatFileTable, LooseObjectTable),
    migrations="portico_files.migrations",
)
