"""SQL of files, without rules. Conditions come from the caller."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from portico.api import Unavailable
from portico.api.db import execute, fetch_all, fetch_one, now, placeholders
from portico.api.policy import EVERY_ROW, SQLCondition
from portico_files.schemas import FileRow

#: The columns of a `FileRow`.
COLUMNS: Final = ", ".join(field.name for field in msgspec.structs.fields(FileRow))
_LIST: Final = (
    f"SELECT {COLUMNS} FROM files_file WHERE {{}} AND search_name LIKE $3 ESCAPE '!' "  # noqa: S608
    "ORDER BY created_at DESC, id LIMIT $1 OFFSET $2"
)
_FIND: Final = f"SELECT {COLUMNS} FROM files_file WHERE id = $1 AND {{}}"  # noqa: S608
_FIND_MANY: Final = f"SELECT {COLUMNS} FROM files_file WHERE {{}} AND id IN ({{}})"  # noqa: S608
_USAGE: Final = "SELECT number, bytes FROM files_owner WHERE user_id = $1"
_ADD_OWNER: Final = (
    "INSERT INTO files_owner (user_id, number, bytes) VALUES ($1, 0, 0) "
    "ON CONFLICT (user_id) DO NOTHING"
)
_COUNT_IN: Final = (
    "UPDATE files_owner SET number = number + 1, bytes = bytes + $2 "
    "WHERE user_id = $1 AND number < $3 AND bytes + $2 <= $4"
)
_COUNT_OUT: Final = (
    "UPDATE files_owner SET number = number - 1, bytes = bytes - $2 WHERE user_id = $1"
)
_INSERT: Final = (
    f"INSERT INTO files_file ({COLUMNS}, search_name) VALUES "  # noqa: S608
    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
_DELETE: Final = "DELETE FROM files_file WHERE id = $1 AND {} RETURNING user_id, size"
# A change of an account's files locks the row of their owner first.
_LOCK_OWNER: Final = "UPDATE files_owner SET number = number WHERE user_id = $1"
_LOCK_OWNER_OF: Final = (
    "UPDATE files_owner SET number = number "
    "WHERE user_id = (SELECT user_id FROM files_file WHERE id = $1)"
)
_OWNERS: Final = "SELECT user_id FROM files_owner WHERE number > 0 ORDER BY user_id"
_LOOSEN_ALL: Final = (
    "INSERT INTO files_loose_object (id, instance_id, created_at) "
    "SELECT id, NULL, $2 FROM files_file WHERE user_id = $1"
)
_IDS_OF_OWNER: Final = "SELECT id FROM files_file WHERE user_id = $1"
_DELETE_ALL: Final = "DELETE FROM files_file WHERE user_id = $1"
_COUNT_NONE: Final = "UPDATE files_owner SET number = 0, bytes = 0 WHERE user_id = $1"
_TEXTS: Final = "SELECT file_id, content FROM files_text WHERE file_id IN ({})"
_SET_TEXT: Final = (
    "INSERT INTO files_text (file_id, content) VALUES ($1, $2) "
    "ON CONFLICT (file_id) DO UPDATE SET content = excluded.content"
)
_TOUCH: Final = "UPDATE files_file SET updated_at = $2 WHERE id = $1 AND {} RETURNING id"
_ADD_LOOSE: Final = (
    "INSERT INTO files_loose_object (id, instance_id, created_at) VALUES ($1, $2, $3)"
)
#: In place of an instance: a command imports the object, and is none. It is lost if it is not stored within a day.
_IMPORT: Final = "import"
_IMPORT_SECONDS: Final = 86_400
_BEGIN_IMPORT: Final = (
    "INSERT INTO files_loose_object (id, instance_id, created_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (id) DO UPDATE SET instance_id = excluded.instance_id, created_at = excluded.created_at "
    "WHERE files_loose_object.instance_id IS NOT NULL"
)
_INSERT_TEXT: Final = "INSERT INTO files_text (file_id, content) VALUES ($1, $2)"
_LOOSE: Final = (
    "SELECT id, instance_id FROM files_loose_object "
    "WHERE instance_id IS NULL OR instance_id <> $2 OR created_at < $3 "
    "ORDER BY CASE WHEN instance_id IS NULL THEN 0 ELSE 1 END, created_at, id LIMIT $1"
)
_RELEASE: Final = (
    "UPDATE files_loose_object SET instance_id = NULL WHERE id = $1 "
    "AND (instance_id IS NULL OR instance_id <> $2 OR created_at < $3)"
)
_CLAIM_LOOSE: Final = "DELETE FROM files_loose_object WHERE id = $1 AND instance_id IS NOT NULL"
_DROP_LOOSE: Final = "DELETE FROM files_loose_object WHERE id = $1"
_EXISTING: Final = (
    "SELECT id FROM files_file WHERE id IN ({0}) "
    "UNION ALL SELECT id FROM files_loose_object WHERE id IN ({0})"
)
_IDS: Final = "SELECT id FROM files_file WHERE id > $1 ORDER BY id LIMIT $2"


async def listed(where: SQLCondition, pattern: str, limit: int, offset: int) -> list[FileRow]:
    """Return files that meet the condition, whose first placeholder is `$4`, the newest first.

    `pattern`: of LIKE, for the search name.
    """
    found = await fetch_all(_LIST.format(where.sql), limit, offset, pattern, *where.args)
    return [to_row(one) for one in found]


async def find(file_id: str, where: SQLCondition = EVERY_ROW) -> FileRow | None:
    """Return the file, if it meets the condition, whose first placeholder is `$2`."""
    found = await fetch_one(_FIND.format(where.sql), file_id, *where.args)
    return None if found is None else to_row(found)


async def find_many(ids: Sequence[str], where: SQLCondition) -> dict[str, FileRow]:
    """Return those of the files that meet the condition, whose first placeholder is `$1`, by id. At most 500."""
    sql = _FIND_MANY.format(where.sql, placeholders(len(ids), len(where.args) + 1))
    return {one["id"]: to_row(one) for one in await fetch_all(sql, *where.args, *ids)}


async def usage(user_id: str) -> tuple[int, int]:
    """Return how many files an account has, and their bytes."""
    found = await fetch_one(_USAGE, user_id)
    return (int(found["number"]), int(found["bytes"])) if found else (0, 0)


async def insert(row: FileRow, search_name: str, *, max_files: int, max_bytes: int) -> bool:
    """Insert a file, and forget that its object is loose. Return whether the limits of its owner allow it.

    Needs an open transaction, which the caller rolls back if they do not. Raises: ForeignKeyViolation if the account
    was deleted; Unavailable if another instance took this one for dead and has given up the object.
    """
    await execute(_ADD_OWNER, row.user_id)
    if not await execute(_COUNT_IN, row.user_id, row.size, max_files, max_bytes):
        return False
    await execute(_INSERT, *msgspec.structs.astuple(row), search_name)
    if not await execute(_CLAIM_LOOSE, row.id):
        raise Unavailable
    return True


async def delete(file_id: str, where: SQLCondition) -> str | None:
    """Delete a file that meets the condition, whose first placeholder is `$2`; its object is loose then.

    Return its owner, None if there was none. Needs an open transaction.
    """
    await execute(_LOCK_OWNER_OF, file_id)
    deleted = await fetch_all(_DELETE.format(where.sql), file_id, *where.args)
    for one in deleted:
        await execute(_COUNT_OUT, one["user_id"], one["size"])
        await execute(_ADD_LOOSE, file_id, None, now())
    return next((str(one["user_id"]) for one in deleted), None)


async def lock_all(user_id: str) -> list[str]:
    """Lock the files of an account until the transaction ends. Return their ids."""
    await execute(_LOCK_OWNER, user_id)
    return [one["id"] for one in await fetch_all(_IDS_OF_OWNER, user_id)]


async def delete_all(user_id: str) -> None:
    """Delete the files of an account, which are locked; their objects are loose then."""
    await execute(_LOOSEN_ALL, user_id, now())
    await execute(_DELETE_ALL, user_id)
    await execute(_COUNT_NONE, user_id)


async def owners() -> list[str]:
    """Return the ids of the accounts that have files."""
    return [one["user_id"] for one in await fetch_all(_OWNERS)]


async def texts_of(ids: Sequence[str]) -> dict[str, str]:
    """Return the texts that clients have set in place of the contents of files, by id. At most 500."""
    found = await fetch_all(_TEXTS.format(placeholders(len(ids))), *ids)
    return {one["file_id"]: one["content"] for one in found}


async def set_text(file_id: str, content: str, where: SQLCondition) -> bool:
    """Set the text of a file that meets the condition, whose first placeholder is `$3`. Return whether there was one.

    Needs an open transaction.
    """
    if not await fetch_all(_TOUCH.format(where.sql), file_id, now(), *where.args):
        return False
    await execute(_SET_TEXT, file_id, content)
    return True


async def insert_text(file_id: str, content: str) -> None:
    """Store the text of a new file. Needs an open transaction."""
    await execute(_INSERT_TEXT, file_id, content)


# -- objects of the store ---------------------------------------------------------------------------------------


async def add_loose(object_id: str, instance_id: str) -> None:
    """Record that an instance is uploading an object."""
    await execute(_ADD_LOOSE, object_id, instance_id, now())


async def begin_import(object_id: str) -> bool:
    """Record that a command is about to store an object, or that it does so again.

    Return False if an object of this id is being deleted.
    """
    return await execute(_BEGIN_IMPORT, object_id, _IMPORT, now()) > 0


async def loose_objects(limit: int) -> list[tuple[str, str | None]]:
    """Return ids of loose objects and of the instances that upload them: first those to delete, the oldest first."""
    return [
        (one["id"], one["instance_id"])
        for one in await fetch_all(_LOOSE, limit, _IMPORT, now() - _IMPORT_SECONDS)
    ]


async def release(object_id: str) -> bool:
    """Give an object up for deletion. Return whether it is loose: that of a file, which was stored meanwhile, is not."""
    return await execute(_RELEASE, object_id, _IMPORT, now() - _IMPORT_SECONDS) > 0


async def drop_loose(object_id: str) -> None:
    """Forget a loose object, which the store does not have any more."""
    await execute(_DROP_LOOSE, object_id)


async def known_ids(ids: Collection[str]) -> set[str]:
    """Return those of the ids of objects that have a row. At most 200."""
    found = await fetch_all(_EXISTING.format(placeholders(len(ids))), *ids)
    return {one["id"] for one in found}


async def ids_after(file_id: str, limit: int) -> list[str]:
    """Return the ids of the next files, in their order."""
    return [one["id"] for one in await fetch_all(_IDS, file_id, limit)]


def to_row(found: dict[str, Any]) -> FileRow:
    """Return a row as a struct."""
    return FileRow(
        **found | {"is_text": bool(found["is_text"]), "is_processed": bool(found["is_processed"])}
    )
