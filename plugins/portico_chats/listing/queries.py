"""SQL of chat lists, without rules. Conditions come from the caller."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from portico.api.db import chunks, fetch_all, fetch_all_in_thread, page_offset, placeholders
from portico.api.policy import SQLCondition
from portico_chats.storage.chat_queries import BLOCK_SIZE, PAGE_SIZE, find_full

Row: TypeAlias = dict[str, Any]

#: Chats on one page of a folder's list.
FOLDER_PAGE_SIZE: Final = 10
#: Number of a condition's first placeholder.
FIRST: Final = 2
FOLDER_FIRST: Final = 3

_NEWEST: Final = "updated_at DESC, id"
#: Columns and directions by which a list can be sorted.
COLUMNS: Final[Mapping[str, str]] = {name: name for name in ("title", "created_at", "updated_at")}
DIRECTIONS: Final[Mapping[str, str]] = {"asc": "ASC", "desc": "DESC"}

_ITEM: Final = "id, title, updated_at, created_at"
_PINNED: Final = (
    f"SELECT {_ITEM} FROM chats_chat WHERE user_id = $1 AND archived = FALSE AND pinned = TRUE AND {{}} "  # noqa: S608
    f"ORDER BY {_NEWEST}"
)
_PAGE: Final = f"SELECT {_ITEM} FROM chats_chat WHERE user_id = $1{{}} AND {{}} ORDER BY {{}} LIMIT {PAGE_SIZE} OFFSET {{}}"  # noqa: S608
_TITLES: Final = "SELECT id, title FROM chats_chat WHERE user_id = $1{} AND {} ORDER BY {}"
_BY_IDS: Final = f"SELECT {_ITEM} FROM chats_chat WHERE id IN ({{}})"  # noqa: S608
_FOLDER: Final = (
    "SELECT title, id, updated_at FROM chats_chat WHERE folder_id = $1 AND user_id = $2 "  # noqa: S608
    "AND archived = FALSE AND pinned = FALSE AND {} "
    f"ORDER BY {_NEWEST} LIMIT {FOLDER_PAGE_SIZE} OFFSET {{}}"
)
_IDS_IN_FOLDERS: Final = (
    "SELECT id, updated_at FROM chats_chat WHERE user_id = $1 AND archived = FALSE AND pinned = FALSE AND {} "
    "AND folder_id IN ({})"
)
_IDS: Final = f"SELECT id FROM chats_chat WHERE user_id = $1{{}} AND {{}} ORDER BY {_NEWEST}"  # noqa: S608
_ARCHIVED: Final = {None: "", True: " AND archived = TRUE", False: " AND archived = FALSE"}


def order(column: str, direction: str) -> str:
    """Return what follows ORDER BY. Raises: KeyError for an unknown column or direction."""
    return f"{COLUMNS[column]} {DIRECTIONS[direction.lower()]}, id"


async def pinned(owner_id: str, where: SQLCondition) -> list[Row]:
    """Return an account's chats that are pinned and not archived, the last changed first."""
    return await fetch_all(_PINNED.format(where.sql), owner_id, *where.args)


async def page(
    owner_id: str, where: SQLCondition, number: int, by: str, *, archived: bool | None
) -> list[Row]:
    """Return a page of an account's chats.

    `by`: see `order`. `archived`: True = only archived, False = only others, None = all.
    """
    sql = _PAGE.format(_ARCHIVED[archived], where.sql, by, page_offset(number, PAGE_SIZE))
    return await fetch_all(sql, owner_id, *where.args)


async def titles(
    owner_id: str, where: SQLCondition, by: str, *, archived: bool | None
) -> list[Row]:
    """Return `id` and `title` of the chats of all pages, for comparisons that no database can make."""
    return await fetch_all_in_thread(
        _TITLES.format(_ARCHIVED[archived], where.sql, by), owner_id, *where.args
    )


async def by_ids(ids: Sequence[str]) -> list[Row]:
    """Return the items of these chats in this order; unknown ids are skipped.

    At most as many ids as one statement takes.
    """
    if not ids:
        return []
    found = {
        one["id"]: one for one in await fetch_all(_BY_IDS.format(placeholders(len(ids))), *ids)
    }
    return [found[one] for one in ids if one in found]


async def in_folder(owner_id: str, folder_id: str, where: SQLCondition, number: int) -> list[Row]:
    """Return a page of an account's chats in a folder that are neither pinned nor archived. Shape: `FolderChat`."""
    sql = _FOLDER.format(where.sql, page_offset(number, FOLDER_PAGE_SIZE))
    return await fetch_all(sql, folder_id, owner_id, *where.args)


async def ids_in_folders(
    owner_id: str, folder_ids: Sequence[str], where: SQLCondition
) -> list[str]:
    """Return the ids of an account's chats in these folders that are neither pinned nor archived, ordered as in `ids`."""
    found: list[Row] = []
    for some_ids in chunks(folder_ids):
        inside = placeholders(len(some_ids), FIRST + len(where.args))
        found += await fetch_all_in_thread(
            _IDS_IN_FOLDERS.format(where.sql, inside), owner_id, *where.args, *some_ids
        )
    found.sort(key=lambda one: (-one["updated_at"], one["id"]))
    return [one["id"] for one in found]


async def ids(owner_id: str, where: SQLCondition, *, archived: bool | None = None) -> list[str]:
    """Return the ids of an account's chats, the last changed first."""
    sql = _IDS.format(_ARCHIVED[archived], where.sql)
    return [one["id"] for one in await fetch_all_in_thread(sql, owner_id, *where.args)]


async def stream(chat_ids: Sequence[str]) -> AsyncIterator[list[Row]]:
    """Yield these chats with their messages in this order, in blocks. No connection is held between two blocks.

    Each chat comes once, whatever changes in the meantime; chats that are deleted by then are skipped.
    """
    for some_ids in chunks(chat_ids, BLOCK_SIZE):
        among = SQLCondition(f"id IN ({placeholders(len(some_ids))})", tuple(some_ids))
        found = await find_full(among)
        by_id = {one["id"]: one for one in found}
        yield [by_id[one] for one in some_ids if one in by_id]


async def all_users(where: SQLCondition) -> AsyncIterator[list[Row]]:
    """Yield all chats that meet a condition with their messages, in blocks, by id. First placeholder: `$1`."""
    last, n = "", len(where.args) + 1
    while True:
        following = SQLCondition(f"({where.sql}) AND id > ${n}", (*where.args, last))
        found = await find_full(following, BLOCK_SIZE)
        if found:
            yield found
        if len(found) < BLOCK_SIZE:
            return
        last = found[-1]["id"]
