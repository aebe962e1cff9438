"""SQL of messages, without rules. The caller has locked their chat."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from portico.api.db import (
    current_database,
    execute,
    fetch_all,
    fetch_one,
    placeholder_rows,
    placeholders,
)
from portico_chats.content.message_tree import POSITION_STEP, MessageRow, StoredMessage
from portico_chats.worker_thread import PAGE_ROWS, in_turns

#: Rows in one statement that writes, or that reads some messages.
_CHUNK: Final = 50
#: Number of messages from which on a chat is large: work on all of them takes long.
_LARGE: Final = 500
_WIDTH: Final = 11

_COLUMNS: Final = "position, parent_id, created_revision, known_revision, session_id, body"
_OF: Final = f"SELECT id, {_COLUMNS} FROM chats_message WHERE chat_id = $1"  # noqa: S608 - names alone
_SOME: Final = f"{_OF} AND id IN ({{}})"
_PAGE: Final = (
    "SELECT id, {} FROM chats_message WHERE chat_id = $1 AND position >= $2 "  # noqa: S608 - names alone
    "AND (position > $2 OR id > $3) ORDER BY position, id LIMIT {}"
)
_END: Final = "SELECT MAX(position) AS position FROM chats_message WHERE chat_id = $1"
_WRITE: Final = (
    "INSERT INTO chats_message (chat_id, id, position, parent_id, role, created_at, updated_at, "
    "created_revision, known_revision, session_id, body) VALUES {} ON CONFLICT (chat_id, id) DO UPDATE SET position = excluded.position, "
    "parent_id = excluded.parent_id, role = excluded.role, updated_at = excluded.updated_at, body = excluded.body"
)
_DELETE: Final = "DELETE FROM chats_message WHERE chat_id = $1 AND id IN ({})"
_NOTE_DELETED: Final = (
    "INSERT INTO chats_deleted_message (chat_id, id, at) SELECT chat_id, id, $2 FROM chats_message "
    "WHERE chat_id = $1 AND id IN ({}) ON CONFLICT (chat_id, id) DO UPDATE SET at = excluded.at"
)
_WAS_DELETED: Final = "SELECT 1 AS there FROM chats_deleted_message WHERE chat_id = $1 AND id = $2"

#: Condition for rows of `chats_chat` with so many messages that work on all of them takes long.
IS_LARGE: Final = (
    "EXISTS (SELECT 1 FROM chats_message m WHERE m.chat_id = chats_chat.id "  # noqa: S608
    f"AND m.position > {_LARGE * POSITION_STEP})"
)
_EMPTY: Final = tuple(
    f"DELETE FROM {table} WHERE chat_id = $1 AND id IN "  # noqa: S608
    f"(SELECT id FROM {table} WHERE chat_id = $1 LIMIT {_LARGE})"
    for table in ("chats_message", "chats_deleted_message")
)

#: Days for which deleted message ids are stored: longer than any running write to them lasts.
DELETED_RETENTION_DAYS: Final = 7


@lru_cache(maxsize=_CHUNK)
def _writing(count: int) -> str:
    return _WRITE.format(placeholder_rows(count, _WIDTH))


async def of(chat_id: str) -> dict[str, StoredMessage]:
    """Return all messages of a chat by id."""
    return {one.pop("id"): StoredMessage(**one) async for one in _pages(chat_id, _COLUMNS)}


async def some(chat_id: str, message_ids: Sequence[str]) -> dict[str, StoredMessage]:
    """Return those of the messages that exist, by id."""
    found_messages: dict[str, StoredMessage] = {}
    async for ids in in_turns(message_ids, _CHUNK):
        found = await fetch_all(_SOME.format(placeholders(len(ids), first=2)), chat_id, *ids)
        found_messages |= {one.pop("id"): StoredMessage(**one) for one in found}
    return found_messages


async def bodies(chat_id: str) -> dict[str, str]:
    """Return the bodies of all messages of a chat by id, in order."""
    return {one["id"]: one["body"] async for one in _pages(chat_id, "position, body")}


async def end(chat_id: str) -> int:
    """Return the position of the last message; 0 if there is none."""
    found = await fetch_one(_END, chat_id)
    return int(found["position"] or 0) if found else 0


async def write(chat_id: str, written: Mapping[str, MessageRow], at: int) -> None:
    """Insert or update messages. `at`: epoch seconds."""
    await write_all([(chat_id, written, at)])


async def write_all(chats: Iterable[tuple[str, Mapping[str, MessageRow], int]]) -> None:
    """Insert or update messages of several chats: id of the chat, messages, epoch seconds."""
    lines = [
        (chat_id, one, row.position, row.parent_id, row.role, at, at, row.created_revision, row.known_revision, row.session_id, row.body)
        for chat_id, written, at in chats
        for one, row in written.items()
    ]  # fmt: skip
    async for some in in_turns(lines, _CHUNK):
        await execute(_writing(len(some)), *chain.from_iterable(some))


async def delete(chat_id: str, message_ids: Sequence[str], at: int) -> None:
    """Delete messages of a chat and record their ids as deleted. `at`: epoch seconds."""
    async for ids in in_turns(message_ids):
        await execute(_NOTE_DELETED.format(placeholders(len(ids), first=3)), chat_id, at, *ids)
        await execute(_DELETE.format(placeholders(len(ids), first=2)), chat_id, *ids)


async def empty(chat_id: str) -> None:
    """Delete all messages of a chat that is about to be deleted, a few at a time."""
    for statement in _EMPTY:
        while True:
            if await execute(statement, chat_id) < _LARGE:
                break
            await asyncio.sleep(0)


async def was_deleted(chat_id: str, message_id: str) -> bool:
    """Return whether a message of this id was deleted from the chat in the last days."""
    return await fetch_one(_WAS_DELETED, chat_id, message_id) is not None


async def is_large(chat_id: str) -> bool:
    """Return whether a chat has so many messages that reading them all takes long. Costs one index lookup."""
    return await end(chat_id) > _LARGE * POSITION_STEP


async def _pages(chat_id: str, columns: str) -> AsyncIterator[dict[str, Any]]:
    """Yield the rows of a chat in order, read a page at a time."""
    size = PAGE_ROWS[current_database().dialect]
    at, last = -1, ""
    while True:
        found = await fetch_all(_PAGE.format(columns, size), chat_id, at, last)
        if found:
            at, last = found[-1]["position"], found[-1]["id"]
        for one in found:
            yield one
        if len(found) < size:
            return
        await asyncio.sleep(0)  # SQLite works on the event loop: other requests get a turn
