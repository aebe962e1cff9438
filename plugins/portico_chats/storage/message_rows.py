"""The rows of messages: every statement there is, and no rule. Their chat has been taken by whoever writes."""

from collections.abc import Mapping, Sequence
from typing import Final

from portico.api import chunks, execute, placeholder_rows, placeholders, row, rows
from portico_chats.content.messages import Facts
from portico_chats.content.trees import Kept

#: Rows in one statement.
_CHUNK: Final = 50
_WIDTH: Final = 11

_COLUMNS: Final = "position, parent_id, since, knew, origin, body"
_OF: Final = f"SELECT id, {_COLUMNS} FROM chats_message WHERE chat_id = $1"  # noqa: S608 - names alone
_SOME: Final = f"{_OF} AND id IN ({{}})"
_BODIES: Final = "SELECT id, body FROM chats_message WHERE chat_id = $1 ORDER BY position, id"
_END: Final = "SELECT MAX(position) AS position FROM chats_message WHERE chat_id = $1"
_WRITE: Final = (
    "INSERT INTO chats_message (chat_id, id, position, parent_id, role, created_at, updated_at, since, knew, "
    "origin, body) VALUES {} ON CONFLICT (chat_id, id) DO UPDATE SET position = excluded.position, "
    "parent_id = excluded.parent_id, role = excluded.role, updated_at = excluded.updated_at, body = excluded.body"
)
_DELETE: Final = "DELETE FROM chats_message WHERE chat_id = $1 AND id IN ({})"
_NOTE_DELETED: Final = (
    "INSERT INTO chats_deleted_message (chat_id, id, at) SELECT chat_id, id, $2 FROM chats_message "
    "WHERE chat_id = $1 AND id IN ({}) ON CONFLICT (chat_id, id) DO UPDATE SET at = excluded.at"
)
_WAS_DELETED: Final = "SELECT 1 AS there FROM chats_deleted_message WHERE chat_id = $1 AND id = $2"
_FORGET_DELETED: Final = "DELETE FROM chats_deleted_message WHERE at < $1"

#: Seconds for which it is known that a message was deleted: longer than anything that writes to it goes on.
DELETED_KEPT_SECONDS: Final = 7 * 24 * 3600


async def of(chat_id: str) -> dict[str, Kept]:
    """All messages of a chat by id."""
    return {found.pop("id"): Kept(**found) for found in await rows(_OF, chat_id)}


async def some(chat_id: str, message_ids: Sequence[str]) -> dict[str, Kept]:
    """Those messages of a chat that are there, by id."""
    kept: dict[str, Kept] = {}
    for ids in chunks(message_ids, _CHUNK):
        found = await rows(_SOME.format(placeholders(len(ids), first=2)), chat_id, *ids)
        kept |= {one.pop("id"): Kept(**one) for one in found}
    return kept


async def bodies(chat_id: str) -> dict[str, str]:
    """The bodies of all messages of a chat by id, in order."""
    return {found["id"]: found["body"] for found in await rows(_BODIES, chat_id)}


async def end(chat_id: str) -> int:
    """The place of the last message; 0 if there is none."""
    found = await row(_END, chat_id)
    return int(found["position"] or 0) if found else 0


async def write(
    chat_id: str, written: Mapping[str, Kept], facts: Mapping[str, Facts], at: int
) -> None:
    """Insert messages, or change those that are there. `at`: epoch seconds."""
    lines = [
        (chat_id, one, row.position, row.parent_id, facts[one].role, at, at, row.since, row.knew, row.origin, row.body)
        for one, row in written.items()
    ]  # fmt: skip
    for some in chunks(lines, _CHUNK):
        values = (value for line in some for value in line)
        await execute(_WRITE.format(placeholder_rows(len(some), _WIDTH)), *values)


async def delete(chat_id: str, message_ids: Sequence[str], at: int) -> None:
    """Delete some messages of a chat, and note that they were. `at`: epoch seconds."""
    for ids in chunks(message_ids):
        await execute(_NOTE_DELETED.format(placeholders(len(ids), first=3)), chat_id, at, *ids)
        await execute(_DELETE.format(placeholders(len(ids), first=2)), chat_id, *ids)


async def was_deleted(chat_id: str, message_id: str) -> bool:
    """Whether a message of this id was deleted from a chat, within the last days."""
    return await row(_WAS_DELETED, chat_id, message_id) is not None


async def forget_deleted(at: int) -> None:
    """Forget which messages were deleted long ago. `at`: the present, in epoch seconds."""
    await execute(_FORGET_DELETED, at - DELETED_KEPT_SECONDS)
