"""Tags that look alike are one: their ids are folded to one form of Unicode as well as to one case."""

from typing import Any

from portico.api.db import Database
from portico_chats.tags.names import tag_id, tags_in, with_tags


async def forwards(database: Database) -> None:
    """Give tags their new ids, wherever they are named: in their rows, at chats, and in the `meta` of chats."""
    tags = await database.rows(
        "SELECT user_id, id FROM chats_tag UNION SELECT user_id, tag_id AS id FROM chats_tagged"
    )
    for one in tags:
        if tag_id(one["id"]) != one["id"]:
            await _rename(database, one["user_id"], one["id"], tag_id(one["id"]))


async def _rename(database: Database, owner_id: str, old: str, new: str) -> None:
    chats = await database.rows(
        "SELECT c.id, c.meta FROM chats_chat c JOIN chats_tagged g ON g.chat_id = c.id "
        "WHERE g.user_id = $1 AND g.tag_id = $2",
        owner_id,
        old,
    )
    for chat in chats:
        await _retag(database, chat, owner_id, new)
    await database.execute(
        "DELETE FROM chats_tagged WHERE user_id = $1 AND tag_id = $2", owner_id, old
    )
    await database.execute(
        "INSERT INTO chats_tag (user_id, id, name) SELECT user_id, CAST($1 AS TEXT), name FROM chats_tag "
        "WHERE user_id = $2 AND id = $3 ON CONFLICT (user_id, id) DO NOTHING",
        new,
        owner_id,
        old,
    )
    await database.execute("DELETE FROM chats_tag WHERE user_id = $1 AND id = $2", owner_id, old)


async def _retag(database: Database, chat: dict[str, Any], owner_id: str, new: str) -> None:
    # What `meta` names is read by the present rules, by which tags that look alike are one.
    meta = with_tags(chat["meta"], tags_in(chat["meta"]))
    await database.execute("UPDATE chats_chat SET meta = $1 WHERE id = $2", meta, chat["id"])
    await database.execute(
        "INSERT INTO chats_tagged (chat_id, tag_id, user_id) VALUES ($1, $2, $3) "
        "ON CONFLICT (chat_id, tag_id) DO NOTHING",
        chat["id"],
        new,
        owner_id,
    )
