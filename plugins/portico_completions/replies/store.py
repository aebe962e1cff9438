"""SQL of replies in the making."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec

from portico.api.db import chunks, execute, fetch_all, fetch_one, placeholder_rows, placeholders
from portico_completions.replies.message_text import TextChange, text_after

_COLUMNS: Final = "id, user_id, chat_id, message_id, instance_id, started_at"
_INSERT: Final = f"INSERT INTO completions_reply ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)"  # noqa: S608 - names alone
_SELECT: Final = f"SELECT {_COLUMNS} FROM completions_reply"  # noqa: S608 - names alone
_DELETE: Final = "DELETE FROM completions_reply WHERE id = $1"
_COUNT: Final = "SELECT COUNT(*) AS number FROM completions_reply WHERE user_id = $1"
_CHANGES: Final = (
    "SELECT start, text FROM completions_reply_change WHERE reply_id = $1 ORDER BY number"
)
# A change may be there already: after a commit whose confirmation was lost, it is written again.
_ADD: Final = (
    "INSERT INTO completions_reply_change (reply_id, number, start, text) VALUES {} "
    "ON CONFLICT (reply_id, number) DO NOTHING"
)
_EXISTING: Final = "SELECT id FROM completions_reply WHERE id IN ({})"

_END_COLUMNS: Final = "reply_id, user_id, chat_id, message_id, outcome, reason, ended_at"
_INSERT_END: Final = (
    f"INSERT INTO completions_unheard_end ({_END_COLUMNS}) "  # noqa: S608 - names alone
    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (reply_id) DO NOTHING"
)
_HAS_ENDS: Final = "SELECT 1 AS found FROM completions_unheard_end LIMIT 1"
_TAKE_ENDS: Final = f"DELETE FROM completions_unheard_end RETURNING {_END_COLUMNS}"  # noqa: S608 - names alone


class ReplyRow(msgspec.Struct, frozen=True):
    """A reply in the making. `instance_id`: the instance that generates it. `started_at`: epoch seconds."""

    id: str
    user_id: str
    chat_id: str
    message_id: str
    instance_id: str
    started_at: int


class UnheardEnd(msgspec.Struct, frozen=True):
    """The end of a reply that no client has received. `ended_at`: epoch seconds."""

    reply_id: str
    user_id: str
    chat_id: str
    message_id: str
    outcome: str
    reason: str
    ended_at: int


class JournalEntry(msgspec.Struct, frozen=True):
    """A change of a reply's text. `number`: counts the changes of a reply."""

    reply_id: str
    number: int
    change: TextChange


async def insert(row: ReplyRow) -> None:
    """Insert a reply."""
    await execute(_INSERT, *msgspec.structs.astuple(row))


async def delete(reply_id: str) -> bool:
    """Delete a reply with its journal. Return whether it existed."""
    return await execute(_DELETE, reply_id) > 0


async def find(reply_id: str) -> ReplyRow | None:
    """Return a reply, or None."""
    found = await fetch_one(f"{_SELECT} WHERE id = $1", reply_id)
    return None if found is None else ReplyRow(**found)


async def count(user_id: str) -> int:
    """Return how many replies are generated for an account, on all instances."""
    found = await fetch_one(_COUNT, user_id)
    return int(found["number"]) if found else 0


async def all_of(user_id: str | None, chat_id: str | None = None) -> list[ReplyRow]:
    """Return the replies of an account (None = of all) and a chat (None = of all), the oldest first."""
    conditions = {"user_id": user_id, "chat_id": chat_id}
    given = {name: value for name, value in conditions.items() if value is not None}
    where = " AND ".join(f"{name} = ${number}" for number, name in enumerate(given, start=1))
    sql = f"{_SELECT} WHERE {where}" if given else _SELECT
    found = await fetch_all(f"{sql} ORDER BY started_at, id", *given.values())
    return [ReplyRow(**row) for row in found]


async def of_other_instances(instance_ids: Collection[str]) -> list[ReplyRow]:
    """Return the replies whose instance is none of these."""
    sql = _SELECT
    if instance_ids:
        sql = f"{_SELECT} WHERE instance_id NOT IN ({placeholders(len(instance_ids))})"
    return [ReplyRow(**row) for row in await fetch_all(sql, *instance_ids)]


async def text_of(reply_id: str) -> str:
    """Return the text of a reply as far as it is in the journal."""
    found = await fetch_all(_CHANGES, reply_id)
    return text_after(TextChange(row["start"], row["text"]) for row in found)


async def add_changes(entries: Sequence[JournalEntry]) -> None:
    """Append changes to the journal. Raises: ForeignKeyViolation if a reply does not exist any more."""
    for some in chunks(entries):
        values: Iterable[Any] = (
            value
            for entry in some
            for value in (entry.reply_id, entry.number, entry.change.start, entry.change.text)
        )
        await execute(_ADD.format(placeholder_rows(len(some), 4)), *values)


async def existing_ids(reply_ids: Collection[str]) -> set[str]:
    """Return those of the replies that exist."""
    found = await fetch_all(_EXISTING.format(placeholders(len(reply_ids))), *reply_ids)
    return {row["id"] for row in found}


async def insert_end(end: UnheardEnd) -> None:
    """Insert the end of a reply that no client has received."""
    await execute(_INSERT_END, *msgspec.structs.astuple(end))


async def take_ends() -> list[UnheardEnd]:
    """Return all such ends, and delete them: one instance gets each."""
    if await fetch_one(_HAS_ENDS) is None:
        return []
    return [UnheardEnd(**row) for row in await fetch_all(_TAKE_ENDS)]
