"""SQL of chats, without rules. Conditions come from the caller."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from portico.api.db import (
    chunks,
    current_database,
    execute,
    fetch_all,
    fetch_all_in_thread,
    fetch_one,
    page_offset,
    placeholder_rows,
    placeholders,
)
from portico.api.policy import SQLCondition
from portico_chats.content.skeleton import ChatSkeleton
from portico_chats.storage import message_queries
from portico_chats.worker_thread import in_turns

#: Chats on one page.
PAGE_SIZE: Final = 60
#: Whole chats that are read at once: each may have megabytes.
BLOCK_SIZE: Final = 20
#: Rows that are inserted in one statement.
_INSERTED_ROWS: Final = 20
#: Chats that are deleted in one statement, with all their messages.
DELETE_BATCH_SIZE: Final = 100

METADATA_COLUMNS: Final = (
    "id, user_id, title, updated_at, created_at, share_id, archived, pinned, meta, folder_id"
)
_SKELETON: Final = "revision, chat AS text, messages_at, branch_at, current_id"

# The messages come as one text, joined by the database in the statement that reads the chat: so both are of the same
# revision, and one row is fetched.
_MESSAGES: Final = {
    "sqlite": "SELECT group_concat(json_quote(m.id) || ':' || m.body, ',') FROM (SELECT id, body "
    "FROM chats_message WHERE chat_id = chats_chat.id ORDER BY position, id) m",
    "postgres": "SELECT string_agg(to_json(m.id)::text || ':' || m.body, ',' ORDER BY m.position, m.id) "
    "FROM chats_message m WHERE m.chat_id = chats_chat.id",
}
_LINKS: Final = {
    "sqlite": "SELECT group_concat(json_array(m.id, m.parent_id), ',') "
    "FROM chats_message m WHERE m.chat_id = chats_chat.id",
    "postgres": "SELECT string_agg(json_build_array(m.id, m.parent_id)::text, ',') "
    "FROM chats_message m WHERE m.chat_id = chats_chat.id",
}
_WHOLE: Final = {
    dialect: f"SELECT {METADATA_COLUMNS}, {_SKELETON}, ({_MESSAGES[dialect]}) AS messages, "  # noqa: S608 - names alone
    f"CASE WHEN branch_at IS NOT NULL THEN ({_LINKS[dialect]}) END AS links FROM chats_chat WHERE "
    for dialect in _MESSAGES
}

_INSERT_COLUMNS: Final = (
    "id",
    "user_id",
    "title",
    "created_at",
    "updated_at",
    "archived",
    "pinned",
    "folder_id",
    "meta",
)
_INSERT: Final = (
    f"INSERT INTO chats_chat ({', '.join(_INSERT_COLUMNS)}, chat, messages_at, branch_at, current_id) "  # noqa: S608
    "VALUES {}"
)
_INSERT_WIDTH: Final = len(_INSERT_COLUMNS) + 4
_FIND_METADATA: Final = f"SELECT {METADATA_COLUMNS}, revision FROM chats_chat WHERE id = $1 AND "  # noqa: S608
_FIND_SKELETON: Final = f"SELECT {METADATA_COLUMNS}, {_SKELETON} FROM chats_chat WHERE id = $1"  # noqa: S608
_PLACE: Final = "SELECT user_id, folder_id FROM chats_chat WHERE id = $1 AND "
_OWNER: Final = "SELECT user_id FROM chats_chat WHERE id = $1"
_TITLE: Final = "SELECT title FROM chats_chat WHERE id = $1"
_LOCK: Final = (
    "UPDATE chats_chat SET updated_at = $2, revision = revision + 1 "  # noqa: S608 - names alone
    f"WHERE id = $1 AND {{}} RETURNING {METADATA_COLUMNS}, {_SKELETON}"
)
_UPDATE: Final = (
    "UPDATE chats_chat SET title = $2, chat = $3, messages_at = $4, branch_at = $5, current_id = $6 "
    "WHERE id = $1"
)
_LIST: Final = (
    "SELECT id, title, updated_at, created_at FROM chats_chat "
    "WHERE user_id = $1 AND archived = FALSE{} ORDER BY updated_at DESC, id{}"
)
_DELETE: Final = "DELETE FROM chats_chat WHERE id = $1 AND {} RETURNING user_id"
# The condition is evaluated twice: PostgreSQL evaluates the outer one again for a row that was changed while it
# waited.
_DELETE_SOME: Final = (
    "DELETE FROM chats_chat WHERE id IN "  # noqa: S608 - names alone
    f"(SELECT id FROM chats_chat WHERE user_id = $1 AND {{0}} LIMIT {DELETE_BATCH_SIZE}) AND {{0}} RETURNING id"
)
_LARGE: Final = (
    f"SELECT id FROM chats_chat WHERE user_id = $1 AND {{}} AND {message_queries.IS_LARGE}"  # noqa: S608
)
#: Chats that the lists of a folder show. Pinned and archived ones have lists of their own.
IN_FOLDER_LISTS: Final = "archived = FALSE AND pinned = FALSE"
_ANY_IN_FOLDERS: Final = (
    f"SELECT 1 AS there FROM chats_chat WHERE user_id = $1 AND {IN_FOLDER_LISTS} "  # noqa: S608
    "AND folder_id IN ({}) LIMIT 1"
)

#: The number of the first placeholder of a condition, in each of these statements.
FIND_FIRST, LOCK_FIRST, DELETE_FIRST = 2, 3, 2


async def insert(rows: Sequence[tuple[dict[str, Any], ChatSkeleton]]) -> None:
    """Insert rows with their skeletons. Each row has the `METADATA_COLUMNS`; a new chat is not shared."""
    async for some in in_turns(rows, _INSERTED_ROWS):
        values = [
            value
            for row, skeleton in some
            for value in (*(row[name] for name in _INSERT_COLUMNS), *_values(skeleton))
        ]
        await execute(_INSERT.format(placeholder_rows(len(some), _INSERT_WIDTH)), *values)


async def find(chat_id: str, where: SQLCondition) -> dict[str, Any] | None:
    """Return the row with its messages, if it exists and meets the condition. Not for use in a transaction."""
    dialect = current_database().dialect
    sql = f"{_WHOLE[dialect]} id = $1 AND {where.sql}"
    # SQLite works on the event loop, unless a thread is requested.
    if dialect == "sqlite" and await message_queries.is_large(chat_id):
        found = await fetch_all_in_thread(sql, chat_id, *where.args)
        return found[0] if found else None
    return await fetch_one(sql, chat_id, *where.args)


async def find_skeleton_row(chat_id: str) -> dict[str, Any] | None:
    """Return the row with its skeleton and without its messages."""
    return await fetch_one(_FIND_SKELETON, chat_id)


async def find_metadata(chat_id: str, where: SQLCondition) -> dict[str, Any] | None:
    """Return the row without its document, if it exists and meets the condition."""
    return await fetch_one(_FIND_METADATA + where.sql, chat_id, *where.args)


async def find_full(where: SQLCondition, limit: int | None = None) -> list[dict[str, Any]]:
    """Return rows that meet the condition with their messages, as `find`; with `limit` the first ones by id.

    The condition's first placeholder is `$1`, and it must use an index: each row may have megabytes.
    """
    sql = f"{_WHOLE[current_database().dialect]} {where.sql}"
    first = "" if limit is None else f" ORDER BY id LIMIT {limit}"
    return await fetch_all_in_thread(f"{sql}{first}", *where.args)


async def place_of(chat_id: str, where: SQLCondition) -> dict[str, Any] | None:
    """Return the ids of the owner and of the folder of a chat, without reading its document; None if there is no such row."""
    return await fetch_one(_PLACE + where.sql, chat_id, *where.args)


async def owner_of(chat_id: str) -> str | None:
    """Return the owner's id; None if the chat does not exist."""
    found = await fetch_one(_OWNER, chat_id)
    return found["user_id"] if found else None


async def title_of(chat_id: str) -> str:
    """Return the title of a chat; empty if the chat does not exist."""
    found = await fetch_one(_TITLE, chat_id)
    return found["title"] if found else ""


async def lock(chat_id: str, at: int, where: SQLCondition) -> dict[str, Any] | None:
    """Lock a row until the transaction ends; set its new time and revision.

    Writers of one chat and its messages wait for each other here, on every database. The returned row is the one
    that the writer before left; a SELECT could still return an older one.
    """
    found = await fetch_all(_LOCK.format(where.sql), chat_id, at, *where.args)
    return found[0] if found else None


async def update(chat_id: str, title: str, skeleton: ChatSkeleton) -> None:
    """Store title and skeleton of a locked row."""
    await execute(_UPDATE, chat_id, title, *_values(skeleton))


def skeleton_of_row(found: dict[str, Any]) -> ChatSkeleton:
    """Return the skeleton in a row."""
    return ChatSkeleton(
        found["text"], found["messages_at"], found["branch_at"], found["current_id"]
    )


def _values(skeleton: ChatSkeleton) -> tuple[Any, ...]:
    return skeleton.text, skeleton.messages_offset, skeleton.branch_offset, skeleton.current_id


async def page(
    owner_id: str, number: int | None, *, pinned: bool, folders: bool
) -> list[dict[str, Any]]:
    """Return rows that are not archived, without their documents, the last changed first.

    `number` None = all of them.
    """
    but = ("" if pinned else " AND pinned = FALSE") + ("" if folders else " AND folder_id IS NULL")
    if number is None:
        return await fetch_all(_LIST.format(but, ""), owner_id)
    skip = page_offset(number, PAGE_SIZE)
    return await fetch_all(_LIST.format(but, " LIMIT $2 OFFSET $3"), owner_id, PAGE_SIZE, skip)


async def delete(chat_id: str, where: SQLCondition) -> str | None:
    """Delete a row, in the open transaction. Returns its owner's id; None if no row meets the condition."""
    if current_database().dialect == "sqlite" and await message_queries.is_large(chat_id):
        if await place_of(chat_id, where) is None:
            return None
        await message_queries.empty(chat_id)
    found = await fetch_all(_DELETE.format(where.sql), chat_id, *where.args)
    return found[0]["user_id"] if found else None


async def delete_some(owner_id: str, where: SQLCondition) -> AsyncIterator[list[str]]:
    """Delete all rows of an account that meet the condition. Yields their ids in blocks; no document is read."""
    if current_database().dialect == "sqlite":
        for large in await fetch_all(_LARGE.format(where.sql), owner_id, *where.args):
            await message_queries.empty(large["id"])
    while deleted := await fetch_all(_DELETE_SOME.format(where.sql), owner_id, *where.args):
        yield [one["id"] for one in deleted]
        await asyncio.sleep(0)  # SQLite works on the event loop: other requests get a turn


async def any_in_folders(owner_id: str, folder_ids: Sequence[str]) -> bool:
    """Return whether the list of one of these folders shows a chat of this account."""
    for some in chunks(folder_ids):
        if await fetch_one(_ANY_IN_FOLDERS.format(placeholders(len(some), 2)), owner_id, *some):
            return True
    return False
