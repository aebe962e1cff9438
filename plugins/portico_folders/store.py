"""SQL of folders, without rules. Conditions come from the caller."""

from collections.abc import Sequence
from typing import Any, Final

from portico.api.db import contains_pattern, execute, fetch_all, fetch_one, placeholders
from portico.api.policy import EVERY_ROW, SQLCondition

#: Ids in one statement.
MAX_IDS: Final = 500

# A parent that does not exist, or belongs to another account, counts as none.
_PARENT = (
    "(SELECT above.id FROM folders_folder above WHERE above.id = folders_folder.parent_id "
    "AND above.user_id = folders_folder.user_id) AS parent_id"
)
_COLUMNS = f"id, {_PARENT}, user_id, name, meta, data, is_expanded, created_at, updated_at"
_LIST = (
    f"SELECT id, name, icon, {_PARENT}, is_expanded, created_at, updated_at FROM folders_folder "  # noqa: S608
    "WHERE user_id = $1 AND {} ORDER BY created_at, id"
)
_FIND = f"SELECT {_COLUMNS} FROM folders_folder WHERE id = $1 AND "  # noqa: S608 - names alone
_OWNER = "SELECT user_id FROM folders_folder WHERE id = $1"
_COUNT = "SELECT COUNT(*) AS number FROM folders_folder WHERE user_id = $1"
_PARENTS = "SELECT id, parent_id FROM folders_folder WHERE user_id = $1"
_EXISTS = "SELECT 1 AS there FROM folders_folder WHERE user_id = $1 AND id = $2"
_DATA = "SELECT data FROM folders_folder WHERE user_id = $1 AND id = $2"
_MENTIONED = (
    "SELECT 1 AS there FROM folders_folder WHERE user_id = $1 AND data LIKE $2 ESCAPE '!' LIMIT 1"
)
_FIND_BY_NAME = "SELECT id FROM folders_folder WHERE user_id = $1 AND COALESCE(parent_id, '') = $2 AND normalized_name = $3"
_BELOW = (
    "WITH RECURSIVE found (id) AS (SELECT id FROM folders_folder WHERE user_id = $1 AND {} = $2 "
    # UNION, not UNION ALL: it also ends for a cycle.
    "UNION SELECT child.id FROM folders_folder child JOIN found ON child.parent_id = found.id "
    "WHERE child.user_id = $1) SELECT id FROM found"
)
_ABOVE = (
    "WITH RECURSIVE found (id, user_id, name, parent_id) AS ("
    "SELECT id, user_id, name, parent_id FROM folders_folder WHERE id IN ({}) "
    "UNION SELECT above.id, above.user_id, above.name, above.parent_id FROM folders_folder above "
    "JOIN found ON above.id = found.parent_id AND above.user_id = found.user_id) "
    "SELECT id, user_id, name, parent_id FROM found"
)
_LOCK_OR_CREATE_OWNER = (
    "INSERT INTO folders_owner (user_id, changes) VALUES ($1, 1) "
    "ON CONFLICT (user_id) DO UPDATE SET changes = folders_owner.changes + 1"
)
_LOCK = (
    "UPDATE folders_owner SET changes = changes + 1 WHERE user_id = "
    "(SELECT user_id FROM folders_folder WHERE id = $1 AND {}) RETURNING user_id"
)
_LOCK_OWNER = "UPDATE folders_owner SET changes = changes + 1 WHERE user_id = $1"
_INSERT = (
    "INSERT INTO folders_folder (id, user_id, name, normalized_name, search_name, icon, meta, data, "
    "created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"
)
_UPDATE = (
    "UPDATE folders_folder SET name = $2, normalized_name = $3, search_name = $4, icon = $5, meta = $6, "
    "data = $7, updated_at = $8 WHERE id = $1"
)
_MOVE = "UPDATE folders_folder SET parent_id = $2, updated_at = $3 WHERE id = $1"
_EXPAND = "UPDATE folders_folder SET is_expanded = $2, updated_at = $3 WHERE id = $1"
_DELETE = "DELETE FROM folders_folder WHERE user_id = $1 AND id IN ({})"
_DELETE_ALL = "DELETE FROM folders_folder WHERE user_id = $1 RETURNING id"
_DELETE_OWNER = "DELETE FROM folders_owner WHERE user_id = $1"

#: The number of the first placeholder of a condition.
FIRST: Final = 2


async def listed(owner_id: str, where: SQLCondition) -> list[dict[str, Any]]:
    """Return an account's folders that meet the condition, without long columns, the oldest first."""
    return await fetch_all(_LIST.format(where.sql), owner_id, *where.args)


async def find(folder_id: str, where: SQLCondition = EVERY_ROW) -> dict[str, Any] | None:
    """Return the row, if it exists and meets the condition."""
    return await fetch_one(_FIND + where.sql, folder_id, *where.args)


async def owner_of(folder_id: str) -> str | None:
    """Return the owner's id; None if the folder does not exist."""
    found = await fetch_one(_OWNER, folder_id)
    return found["user_id"] if found else None


async def data_of(owner_id: str, folder_id: str) -> dict[str, Any] | None:
    """Return the `data` of an account's folder; None if the account does not have it."""
    return await fetch_one(_DATA, owner_id, folder_id)


async def is_mentioned(owner_id: str, text: str) -> bool:
    """Return whether the `data` of a folder of the account contains this text."""
    return await fetch_one(_MENTIONED, owner_id, contains_pattern(text)) is not None


async def count(owner_id: str) -> int:
    """Return the number of an account's folders."""
    (found,) = await fetch_all(_COUNT, owner_id)
    return int(found["number"])


async def parents(owner_id: str) -> dict[str, str | None]:
    """Return the parent of each of an account's folders."""
    return {found["id"]: found["parent_id"] for found in await fetch_all(_PARENTS, owner_id)}


async def exists(owner_id: str, folder_id: str) -> bool:
    """Return whether the account has this folder."""
    return await fetch_one(_EXISTS, owner_id, folder_id) is not None


async def find_by_name(owner_id: str, parent_id: str | None, normalized_name: str) -> str | None:
    """Return the id of the folder with this normalized name in a parent folder, or at the root."""
    found = await fetch_one(_FIND_BY_NAME, owner_id, parent_id or "", normalized_name)
    return found["id"] if found else None


async def subtree_ids(owner_id: str, folder_id: str) -> list[str]:
    """Return the ids of one of the account's folders and its subfolders."""
    return [found["id"] for found in await fetch_all(_BELOW.format("id"), owner_id, folder_id)]


async def with_parents(ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return these folders of any account with all their parents: `id`, `user_id`, `name`, `parent_id`.

    At most `CHUNK`.
    """
    return await fetch_all(_ABOVE.format(placeholders(len(ids))), *ids)


async def ids_by_name(owner_id: str, search_name: str) -> list[str]:
    """Return the ids of the account's folders with this search name, and of their subfolders."""
    return [
        found["id"]
        for found in await fetch_all(_BELOW.format("search_name"), owner_id, search_name)
    ]


async def lock_or_create_owner(owner_id: str) -> None:
    """Lock the folders of an account, which may have none, until the transaction ends.

    Raises: ForeignKeyViolation if the account was deleted.
    """
    await execute(_LOCK_OR_CREATE_OWNER, owner_id)


async def lock_owner(owner_id: str) -> None:
    """The same for an account that may be deleted, and that may never have had folders."""
    await execute(_LOCK_OWNER, owner_id)


async def lock(folder_id: str, where: SQLCondition) -> bool:
    """Lock all folders of the owner of this one, if it meets the condition, until the transaction ends.

    Writers wait for each other here, on every database; later reads return what the previous writer left.
    """
    return bool(await fetch_all(_LOCK.format(where.sql), folder_id, *where.args))


async def insert(folder_id: str, owner_id: str, values: Sequence[str | None], at: int) -> None:
    """Insert a row at the root. `values`: name, normalized name, search name, icon, meta, data."""
    await execute(_INSERT, folder_id, owner_id, *values, at)


async def update(folder_id: str, values: Sequence[str | None], at: int) -> None:
    """Store these values of a locked folder. `values`: as in `insert`."""
    await execute(_UPDATE, folder_id, *values, at)


async def move(folder_id: str, parent_id: str | None, at: int) -> None:
    """Move a locked folder into another one; None = to the root."""
    await execute(_MOVE, folder_id, parent_id, at)


async def expand(folder_id: str, is_expanded: bool, at: int) -> None:
    """Store whether clients show the content of the folder."""
    await execute(_EXPAND, folder_id, is_expanded, at)


async def delete(owner_id: str, ids: Sequence[str]) -> None:
    """Delete rows of an account whose folders are locked."""
    for start in range(0, len(ids), MAX_IDS):
        some = ids[start : start + MAX_IDS]
        places = ", ".join(f"${number}" for number in range(2, len(some) + 2))
        await execute(_DELETE.format(places), owner_id, *some)


async def delete_all(owner_id: str) -> list[str]:
    """Delete all folders of an account. Returns their ids."""
    await execute(_LOCK_OWNER, owner_id)
    deleted = [found["id"] for found in await fetch_all(_DELETE_ALL, owner_id)]
    await execute(_DELETE_OWNER, owner_id)
    return deleted
