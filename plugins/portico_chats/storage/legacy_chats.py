"""Chats of the first schema, which were one document, for migration 0004.

The statement has the column names of that step: later migrations rename them.
"""

from typing import Any, Final

from portico.api.db import execute, placeholder_rows
from portico_chats.content.chat_content import ContentChange
from portico_chats.content.chat_document import parse_document, too_long_ids
from portico_chats.storage import chat_queries, indexed_texts
from portico_chats.worker_thread import in_turns

#: Rows in one statement, and values in one row.
_CHUNK: Final = 50
_WIDTH: Final = 11

_INSERT: Final = (
    "INSERT INTO chats_message (chat_id, id, position, parent_id, role, created_at, updated_at, since, knew, "
    "origin, body) VALUES {}"
)


async def split_legacy_chat(row: dict[str, Any]) -> None:
    """Move the messages of a chat that is one document, in the column `chat`, to rows of their own.

    Raises: msgspec.MsgspecError for a document of another shape than clients rely on.
    """
    document = parse_document(row["chat"])
    if too_long_ids(document):
        return
    new = ContentChange.create(document, row["title"], "")
    chat_id, at = row["id"], row["updated_at"]
    await chat_queries.update(chat_id, row["title"], new.content.skeleton)
    async for some in in_turns(list(new.written.items()), _CHUNK):
        lines = [
            (chat_id, one, of.position, of.parent_id, of.role, at, at, of.created_revision, of.known_revision, of.session_id, of.body)
            for one, of in some
        ]  # fmt: skip
        values = (value for line in lines for value in line)
        await execute(_INSERT.format(placeholder_rows(len(some), _WIDTH)), *values)
    await indexed_texts.add(row["user_id"], chat_id, new.texts)
