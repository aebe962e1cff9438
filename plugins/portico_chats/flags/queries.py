"""SQL of a chat's flags. Neither rules nor the document are touched here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from portico.api.db import MAX_IDS_PER_STATEMENT, chunks, execute, fetch_all, placeholders
from portico.api.policy import SQLCondition

PIN_FIRST: Final = 3
ARCHIVE_FIRST: Final = 2
MOVE_FIRST: Final = 4
SOME_FIRST: Final = 2

_PIN: Final = (
    "UPDATE chats_chat SET pinned = NOT pinned, updated_at = $2 "
    "WHERE id = $1 AND {} RETURNING user_id"
)
_PINNED: Final = "SELECT pinned FROM chats_chat WHERE id = $1 AND {}"
_ARCHIVE: Final = (
    "UPDATE chats_chat SET archived = NOT archived, folder_id = NULL, share_id = NULL "
    "WHERE id = $1 AND {} RETURNING user_id, archived"
)
_MOVE: Final = (
    "UPDATE chats_chat SET folder_id = $3, pinned = FALSE, updated_at = $2 "
    "WHERE id = $1 AND {} RETURNING user_id"
)
_SOME: Final = f"SELECT id FROM chats_chat WHERE user_id = $1 AND archived = {{}} AND {{}} LIMIT {MAX_IDS_PER_STATEMENT}"  # noqa: S608
_ARCHIVE_SOME: Final = (
    f"UPDATE chats_chat SET archived = TRUE, share_id = NULL WHERE id IN ({_SOME}) RETURNING id"  # noqa: S608
)
_UNARCHIVE_SOME: Final = (
    f"UPDATE chats_chat SET archived = FALSE WHERE id IN ({_SOME}) RETURNING id"  # noqa: S608
)
_REMOVE_FROM_FOLDERS: Final = (
    "UPDATE chats_chat SET folder_id = NULL WHERE user_id = $1 AND folder_id IN ({}) RETURNING id"
)
_UNSHARE: Final = "DELETE FROM chats_share WHERE chat_id IN ({})"


async def pin(chat_id: str, at: int, where: SQLCondition) -> str | None:
    """Pin or unpin a chat. `at`: epoch seconds. Returns its owner's id; None if no chat meets the condition."""
    return _owner(await fetch_all(_PIN.format(where.sql), chat_id, at, *where.args))


async def is_pinned(chat_id: str, where: SQLCondition) -> bool | None:
    """Return whether the chat is pinned; None if no chat meets the condition."""
    found = await fetch_all(_PINNED.format(where.sql), chat_id, *where.args)
    return bool(found[0]["pinned"]) if found else None


async def archive(chat_id: str, where: SQLCondition) -> tuple[str, bool] | None:
    """Archive or unarchive a chat, remove it from its folder and end its share.

    Returns its owner's id, and whether it is archived now; None if no chat meets the condition.
    """
    found = await fetch_all(_ARCHIVE.format(where.sql), chat_id, *where.args)
    if not found:
        return None
    await _unshare([chat_id])
    return found[0]["user_id"], bool(found[0]["archived"])


async def move_to_folder(
    chat_id: str, folder_id: str | None, at: int, where: SQLCondition
) -> str | None:
    """Move a chat to a folder, or out of its folder, and unpin it. Returns the same as `pin`."""
    return _owner(await fetch_all(_MOVE.format(where.sql), chat_id, at, folder_id, *where.args))


async def archive_all(
    owner_id: str, where: SQLCondition, *, archived: bool
) -> AsyncIterator[Sequence[str]]:
    """Archive or unarchive all chats of an account that meet the condition. Yields their ids in blocks."""
    sql = _ARCHIVE_SOME if archived else _UNARCHIVE_SOME
    sql = sql.format("FALSE" if archived else "TRUE", where.sql)
    while found := await fetch_all(sql, owner_id, *where.args):
        ids = [one["id"] for one in found]
        if archived:
            await _unshare(ids)
        yield ids
        await asyncio.sleep(0)  # SQLite works on the event loop: other requests get a turn


async def remove_from_folders(owner_id: str, folder_ids: Sequence[str]) -> list[str]:
    """Move an account's chats out of these folders. Returns the chats' ids."""
    changed = []
    for some in chunks(folder_ids):
        changed += await fetch_all(
            _REMOVE_FROM_FOLDERS.format(placeholders(len(some), 2)), owner_id, *some
        )
    return [one["id"] for one in changed]


async def _unshare(ids: Sequence[str]) -> None:
    await execute(_UNSHARE.format(placeholders(len(ids))), *ids)


def _owner(found: Sequence[dict[str, Any]]) -> str | None:
    return found[0]["user_id"] if found else None
