"""SQL of ratings, without rules. Conditions come from the caller; their placeholders follow those of the statement."""

from collections.abc import Sequence
from typing import Any, Final

from portico.api.db import execute, fetch_all, fetch_one, placeholders
from portico.api.policy import EVERY_ROW, SQLCondition
from portico_evaluations import votes

_LIST_COLUMNS: Final = "id, user_id, version, type, data, comment, meta, created_at, updated_at"
_COLUMNS: Final = f"{_LIST_COLUMNS}, chat_id, message_id, model_id, rating, vote, snapshot_bytes"
_LOCK_OWNER: Final = (
    "INSERT INTO evaluations_owner (user_id) VALUES ($1) "
    "ON CONFLICT (user_id) DO UPDATE SET feedbacks = evaluations_owner.feedbacks "
    "RETURNING feedbacks, snapshot_bytes"
)
_LOCK_PRESENT_OWNER: Final = (
    "UPDATE evaluations_owner SET feedbacks = feedbacks WHERE user_id = $1 "
    "RETURNING feedbacks, snapshot_bytes"
)
_ADD_TO_OWNER: Final = (
    "UPDATE evaluations_owner SET feedbacks = feedbacks + $2, snapshot_bytes = snapshot_bytes + $3 "
    "WHERE user_id = $1"
)
_FIND: Final = f"SELECT {_COLUMNS} FROM evaluations_feedback WHERE id = $1 AND "  # noqa: S608 - names alone
_FIND_OF_REPLY: Final = (
    f"SELECT {_COLUMNS} FROM evaluations_feedback "  # noqa: S608
    "WHERE user_id = $1 AND chat_id = $2 AND message_id = $3"
)
_SNAPSHOT: Final = "SELECT snapshot FROM evaluations_feedback WHERE id = $1"
_INSERT: Final = (
    "INSERT INTO evaluations_feedback (id, user_id, chat_id, message_id, type, created_at, updated_at, "
    "model_id, rating, version, vote, meta, data) VALUES ($1, $2, $3, $4, $5, $6, $6, '', 0, 0, '', '{}', '{}')"
)
_INSERT_WHOLE: Final = (
    "INSERT INTO evaluations_feedback (id, user_id, chat_id, message_id, type, created_at, updated_at, model_id, "
    "rating, version, vote, meta, data, comment, snapshot_bytes, snapshot) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
)
_UPDATE: Final = (
    "UPDATE evaluations_feedback SET type = $2, model_id = $3, rating = $4, updated_at = $5, snapshot_bytes = $6, "
    "vote = $7, meta = $8, data = $9, comment = $10{} WHERE id = $1"
)
_SOME: Final = (
    "SELECT id, vote, snapshot_bytes FROM evaluations_feedback WHERE user_id = $1 AND {} LIMIT {}"
)
_DELETE: Final = "DELETE FROM evaluations_feedback WHERE id IN ({})"
_CHATS_WITH_SNAPSHOT: Final = "SELECT id, user_id, snapshot_bytes FROM evaluations_feedback WHERE chat_id = $1 AND snapshot_bytes > 0"
_DROP_SNAPSHOT: Final = (
    "UPDATE evaluations_feedback SET snapshot = NULL, snapshot_bytes = 0 WHERE id = $1"
)
_DELETE_OWNER: Final = "DELETE FROM evaluations_owner WHERE user_id = $1"
_NEXT_OWNER: Final = (
    "SELECT user_id FROM evaluations_owner WHERE feedbacks > 0 AND user_id > $1 "
    "ORDER BY user_id LIMIT 1"
)

#: The number of the first placeholder of a condition.
FIND_FIRST: Final = 2
#: Ratings that are deleted in one transaction: each may have a large copy of a chat.
DELETE_BATCH_SIZE: Final = 200

Row = dict[str, Any]


async def lock_owner(user_id: str) -> Row:
    """Lock the ratings of an account until the transaction ends. Returns how many there are.

    Raises: ForeignKeyViolation if the account was deleted.
    """
    (found,) = await fetch_all(_LOCK_OWNER, user_id)
    return found


async def lock_present_owner(user_id: str) -> Row | None:
    """Lock the ratings of an account as `lock_owner`. None if it has none, or was deleted."""
    return await fetch_one(_LOCK_PRESENT_OWNER, user_id)


async def add_to_owner(user_id: str, feedbacks: int, snapshot_bytes: int) -> None:
    """Change the numbers of a locked account."""
    await execute(_ADD_TO_OWNER, user_id, feedbacks, snapshot_bytes)


async def find(feedback_id: str, where: SQLCondition = EVERY_ROW) -> Row | None:
    """Return the row without its snapshot, if it exists and meets the condition."""
    return await fetch_one(_FIND + where.sql, feedback_id, *where.args)


async def find_of_reply(user_id: str, chat_id: str, message_id: str) -> Row | None:
    """Return what an account has said about a reply."""
    return await fetch_one(_FIND_OF_REPLY, user_id, chat_id, message_id)


async def snapshot(feedback_id: str) -> str | None:
    """Return the copy of the chat of a rating."""
    found = await fetch_one(_SNAPSHOT, feedback_id)
    return found["snapshot"] if found else None


async def insert(*values: Any) -> None:
    """Insert a row. `values`: id, author, chat, message, type, time."""
    await execute(_INSERT, *values)


async def insert_whole(*values: Any) -> None:
    """Insert a row with all its values, in the order of the statement."""
    await execute(_INSERT_WHOLE, *values)


async def update(values: Sequence[Any], new_snapshot: str | None) -> None:
    """Store other values of a locked row; without a new snapshot, the present one stays.

    `values`: id, type, model, rating, time, bytes of the snapshot, vote, meta, data, comment.
    """
    if new_snapshot is None:
        await execute(_UPDATE.format(""), *values)
    else:
        await execute(_UPDATE.format(", snapshot = $11"), *values, new_snapshot)


async def remove(
    user_id: str, where: SQLCondition = EVERY_ROW, limit: int = DELETE_BATCH_SIZE
) -> list[str]:
    """Delete some ratings of a locked account with everything that was counted for them. Returns their ids."""
    found = await fetch_all(_SOME.format(where.sql, limit), user_id, *where.args)
    if not found:
        return []
    ids = [row["id"] for row in found]
    await votes.count([], [votes.read(row["vote"]) for row in found])
    await execute(_DELETE.format(placeholders(len(ids))), *ids)
    await add_to_owner(user_id, -len(ids), -sum(row["snapshot_bytes"] for row in found))
    return ids


async def delete_owner(user_id: str) -> None:
    """Delete the row of a locked account that has no ratings."""
    await execute(_DELETE_OWNER, user_id)


async def next_owner(user_id: str) -> str:
    """Return the next account that has ratings, by id; empty = there is none after this one."""
    found = await fetch_one(_NEXT_OWNER, user_id)
    return found["user_id"] if found else ""


async def owners_of_snapshots(chat_id: str) -> set[str]:
    """Return the accounts that have a copy of a chat."""
    return {row["user_id"] for row in await fetch_all(_CHATS_WITH_SNAPSHOT, chat_id)}


async def drop_snapshots(user_id: str, chat_id: str) -> None:
    """Delete all copies of a chat that a locked account has."""
    for row in await fetch_all(_CHATS_WITH_SNAPSHOT, chat_id):
        if row["user_id"] == user_id:
            await execute(_DROP_SNAPSHOT, row["id"])
            await add_to_owner(user_id, 0, -row["snapshot_bytes"])
