"""The rows of chats: every statement there is, and no rule. Conditions come from whoever asks."""

from collections.abc import Sequence
from typing import Any, Final

from portico.api import execute, row, rows

#: Chats on one page.
PAGE: Final = 60
#: Pages beyond are empty anyway; a database counts no further than 64 bits.
LAST_PAGE: Final = 2**32

_COLUMNS = (
    "id, user_id, title, chat, updated_at, created_at, share_id, archived, pinned, meta, folder_id"
)
_INSERT = (
    "INSERT INTO chats_chat (id, user_id, title, chat, meta, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, '{}', $5, $5)"
)
_FIND = f"SELECT {_COLUMNS} FROM chats_chat WHERE id = $1 AND "  # noqa: S608 - names alone
_THERE = "SELECT 1 AS there FROM chats_chat WHERE id = $1 AND "
_OWNER = "SELECT user_id FROM chats_chat WHERE id = $1"
_TAKE = "UPDATE chats_chat SET updated_at = $2, title = COALESCE($3, title) WHERE id = $1 AND {} RETURNING "
_KEEP = "UPDATE chats_chat SET chat = $2 WHERE id = $1"
_LIST = (
    "SELECT id, title, updated_at, created_at FROM chats_chat "
    "WHERE user_id = $1 AND archived = FALSE{} ORDER BY updated_at DESC, id{}"
)
_DELETE = "DELETE FROM chats_chat WHERE id = $1 AND {} RETURNING user_id"
_DELETE_ALL = "DELETE FROM chats_chat WHERE user_id = $1 RETURNING id"

#: A condition and its values. Its first placeholder follows those of the statement it is put into.
Where = tuple[str, Sequence[Any]]
FIND_FIRST, TAKE_FIRST = 2, 4
ANY: Final[Where] = ("1 = 1", ())


async def insert(chat_id: str, owner_id: str, title: str, document: str, at: int) -> None:
    """A new row."""
    await execute(_INSERT, chat_id, owner_id, title, document, at)


async def find(chat_id: str, where: Where) -> dict[str, Any] | None:
    """The row, if there is one and it meets the condition."""
    return await row(_FIND + where[0], chat_id, *where[1])


async def is_there(chat_id: str, where: Where) -> bool:
    """Whether there is such a row, without reading its document."""
    return await row(_THERE + where[0], chat_id, *where[1]) is not None


async def owner_of(chat_id: str) -> str | None:
    """Whose it is; None if it is not there."""
    found = await row(_OWNER, chat_id)
    return found["user_id"] if found else None


async def take(chat_id: str, at: int, title: str | None, where: Where) -> dict[str, Any] | None:
    """Lock a row until the transaction ends, and note its new time and title (None = as it was).

    Writers of one chat take turns here, on every database. What comes back is the row as the writer before left
    it; a SELECT could still show an older one.
    """
    found = await rows(_TAKE.format(where[0]) + _COLUMNS, chat_id, at, title, *where[1])
    return found[0] if found else None


async def keep(chat_id: str, document: str) -> None:
    """Store the document of a row that was taken."""
    await execute(_KEEP, chat_id, document)


async def page(
    owner_id: str, number: int | None, *, pinned: bool, folders: bool
) -> list[dict[str, Any]]:
    """Rows that are not archived, without their documents, the last changed first. `number` None = all of them."""
    but = ("" if pinned else " AND pinned = FALSE") + ("" if folders else " AND folder_id IS NULL")
    if number is None:
        return await rows(_LIST.format(but, ""), owner_id)
    skip = (min(max(number, 1), LAST_PAGE) - 1) * PAGE
    return await rows(_LIST.format(but, " LIMIT $2 OFFSET $3"), owner_id, PAGE, skip)


async def delete(chat_id: str, where: Where) -> str | None:
    """Delete a row. Returns whose it was; None if none met the condition."""
    found = await rows(_DELETE.format(where[0]), chat_id, *where[1])
    return found[0]["user_id"] if found else None


async def delete_all(owner_id: str) -> list[str]:
    """Delete all rows of somebody. Returns their ids."""
    return [gone["id"] for gone in await rows(_DELETE_ALL, owner_id)]
