"""SQL of tags, without rules.

A tag exists as long as a chat that is not archived has it. Writers that add a tag or delete unused ones lock the
row of the owner first, so that no tag is deleted while another transaction adds it.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from portico.api.db import (
    MAX_ROWS_PER_STATEMENT,
    execute,
    fetch_all,
    fetch_all_in_thread,
    placeholder_rows,
    placeholders,
)
from portico.api.policy import SQLCondition
from portico_chats.worker_thread import in_turns

FIRST: Final = 2

_LOCK_OWNER: Final = (
    "INSERT INTO chats_tag_owner (user_id, changes) VALUES ($1, 1) "
    "ON CONFLICT (user_id) DO UPDATE SET changes = chats_tag_owner.changes + 1"
)
_ALL: Final = "SELECT id, name, user_id, NULL AS meta FROM chats_tag WHERE user_id = $1 ORDER BY id"
_OF: Final = (
    "SELECT g.tag_id AS id, COALESCE(t.name, g.tag_id) AS name, g.user_id, NULL AS meta "
    "FROM chats_chat_tag g LEFT JOIN chats_tag t ON t.user_id = g.user_id AND t.id = g.tag_id "
    "WHERE g.chat_id = $1 ORDER BY g.tag_id"
)
_LOCK_CHAT: Final = (
    "UPDATE chats_chat SET meta = meta WHERE id = $1 AND {} RETURNING user_id, archived, meta"
)
_META: Final = "UPDATE chats_chat SET meta = $2 WHERE id = $1"
_INSERT_NAMES: Final = (
    "INSERT INTO chats_tag (user_id, id, name) VALUES {} ON CONFLICT (user_id, id) DO NOTHING"
)
_ATTACH: Final = (
    "INSERT INTO chats_chat_tag (chat_id, tag_id, user_id) VALUES {} "
    "ON CONFLICT (chat_id, tag_id) DO NOTHING"
)
_DETACH: Final = "DELETE FROM chats_chat_tag WHERE chat_id = $1 AND tag_id IN ({})"
_IDS: Final = "SELECT id FROM chats_tag WHERE user_id = $1"
_IDS_OF_CHAT: Final = "SELECT tag_id FROM chats_chat_tag WHERE chat_id = $1"
_DELETE_UNUSED: Final = (
    "DELETE FROM chats_tag WHERE user_id = $1 AND id IN ({}) AND NOT EXISTS (SELECT 1 FROM chats_chat_tag g "
    "JOIN chats_chat c ON c.id = g.chat_id WHERE g.user_id = $1 AND g.tag_id = chats_tag.id AND c.archived = FALSE)"
)
_RESTORE: Final = (
    "INSERT INTO chats_tag (user_id, id, name) SELECT DISTINCT g.user_id, g.tag_id, g.tag_id FROM chats_chat_tag g "
    "JOIN chats_chat c ON c.id = g.chat_id WHERE {} AND c.archived = FALSE ON CONFLICT (user_id, id) DO NOTHING"
)
_OF_CHAT, _OF_OWNER = "g.chat_id = $1", "g.user_id = $1"
_CHATS_WITH_TAG: Final = (
    "SELECT id, title, updated_at, created_at FROM chats_chat WHERE id IN "
    "(SELECT chat_id FROM chats_chat_tag WHERE user_id = $1 AND tag_id = $2) AND archived = FALSE AND {} "
    "ORDER BY updated_at DESC, id LIMIT $3 OFFSET $4"
)
WITH_TAG_FIRST: Final = 5
_DELETE_ALL: Final = (
    "DELETE FROM chats_tag WHERE user_id = $1",
    "DELETE FROM chats_tag_owner WHERE user_id = $1",
)


async def lock_owner(owner_id: str) -> None:
    """Lock the tags of an account until the transaction ends. Chats must be locked before."""
    await execute(_LOCK_OWNER, owner_id)


async def of_owner(owner_id: str) -> list[dict[str, Any]]:
    """Return all tags of an account. Shape: rows of `ChatTag`."""
    return await fetch_all(_ALL, owner_id)


async def of_chat(chat_id: str) -> list[dict[str, Any]]:
    """Return the tags of a chat, archived or not. Shape: rows of `ChatTag`."""
    return await fetch_all(_OF, chat_id)


async def chats_with_tag(
    owner_id: str, tag_id: str, skip: int, limit: int, where: SQLCondition
) -> list[dict[str, Any]]:
    """Return an account's chats with a tag that are not archived, the last changed first.

    Shape: rows of `ListedChat`.
    """
    return await fetch_all_in_thread(
        _CHATS_WITH_TAG.format(where.sql), owner_id, tag_id, limit, skip, *where.args
    )


async def lock_chat(chat_id: str, where: SQLCondition) -> dict[str, Any] | None:
    """Lock a chat until the transaction ends, without changing it. Shape: `user_id`, `archived`, `meta`."""
    found = await fetch_all(_LOCK_CHAT.format(where.sql), chat_id, *where.args)
    return found[0] if found else None


async def store_meta(chat_id: str, meta: str) -> None:
    """Store the `meta` of a locked chat."""
    await execute(_META, chat_id, meta)


async def insert_names(rows: Sequence[tuple[str, str, str]]) -> None:
    """Store the spellings of tags that do not exist: owner, id, name. The owners' tags are locked."""
    await _insert(_INSERT_NAMES, rows)


async def attach(rows: Sequence[tuple[str, str, str]]) -> None:
    """Add tags to chats: id of the chat, id of the tag, owner."""
    await _insert(_ATTACH, rows)


async def _insert(sql: str, rows: Sequence[tuple[str, str, str]]) -> None:
    async for some in in_turns(rows, MAX_ROWS_PER_STATEMENT):
        await execute(sql.format(placeholder_rows(len(some), 3)), *chain.from_iterable(some))


async def detach(chat_id: str, tag_ids: Sequence[str]) -> None:
    """Remove these tags from a chat. They are at most as many as a chat may have."""
    await execute(_DETACH.format(placeholders(len(tag_ids), 2)), chat_id, *tag_ids)


async def ids_of_chat(chat_id: str) -> list[str]:
    """Return the ids of the tags of a chat."""
    return [one["tag_id"] for one in await fetch_all(_IDS_OF_CHAT, chat_id)]


async def delete_unused(owner_id: str, among: Sequence[str] | None = None) -> None:
    """Delete the tags of an account that only archived chats or none have. `among`: only these; None = all."""
    if among is None:
        among = [one["id"] for one in await fetch_all(_IDS, owner_id)]
    if not among:
        return
    await lock_owner(owner_id)
    async for some in in_turns(among):
        await execute(_DELETE_UNUSED.format(placeholders(len(some), 2)), owner_id, *some)


async def restore(owner_id: str, chat_id: str | None = None) -> None:
    """Restore the tags of a chat, or of all chats, that were unarchived. Their spelling is lost."""
    await lock_owner(owner_id)
    if chat_id is None:
        await execute(_RESTORE.format(_OF_OWNER), owner_id)
    else:
        await execute(_RESTORE.format(_OF_CHAT), chat_id)


async def delete_all(owner_id: str) -> None:
    """Delete all tags of an account whose chats are deleted."""
    for statement in _DELETE_ALL:
        await execute(statement, owner_id)
