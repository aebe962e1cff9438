"""Messages move out of their documents into rows of their own."""

import msgspec

from portico.api.db import Database
from portico_chats.storage.legacy_chats import split_legacy_chat

_BLOCK = 20


async def forwards(database: Database) -> None:
    """Take every document apart. One of another shape stays whole, and is given out as it is."""
    last = ""
    while block := await database.rows(
        "SELECT id, user_id, title, updated_at, chat FROM chats_chat WHERE id > $1 ORDER BY id LIMIT $2",
        last,
        _BLOCK,
    ):
        for row in block:
            try:
                await split_legacy_chat(row)
            except msgspec.MsgspecError:
                continue
        last = block[-1]["id"]
