"""The rows of messages: every statement there is, and no rule. Their chat has been taken by whoever writes."""

from collections.abc import Iterable, Mapping
from typing import Final

from portico.api import execute, row, rows
from portico_chats.messages import Facts
from portico_chats.trees import Kept

#: Rows in one statement.
_CHUNK: Final = 50
_WIDTH: Final = 11

_COLUMNS: Final = "position, parent_id, since, knew, origin, body"
_OF: Final = f"SELECT id, {_COLUMNS} FROM chats_message WHERE chat_id = $1"  # noqa: S608 - names alone
_ONE: Final = f"{_OF} AND id = $2"
_END: Final = "SELECT MAX(position) AS position FROM chats_message WHERE chat_id = $1"
_WRITE: Final = (
    "INSERT INTO chats_message (chat_id, id, position, parent_id, role, created_at, updated_at, since, knew, "
    "origin, body) VALUES {} ON CONFLICT (chat_id, id) DO UPDATE SET position = excluded.position, "
    "parent_id = excluded.parent_id, role = excluded.role, updated_at = excluded.updated_at, body = excluded.body"
)
_DELETE: Final = "DELETE FROM chats_message WHERE chat_id = $1 AND id IN ({})"


async def of(chat_id: str) -> dict[str, Kept]:
    """All messages of a chat by id."""
    return {found.pop("id"): Kept(**found) for found in await rows(_OF, chat_id)}


async def one(chat_id: str, message_id: str) -> Kept | None:
    """One message."""
    found = await row(_ONE, chat_id, message_id)
    return Kept(**{name: value for name, value in found.items() if name != "id"}) if found else None


async def end(chat_id: str) -> int:
    """The place of the last message; 0 if there is none."""
    found = await row(_END, chat_id)
    return int(found["position"] or 0) if found else 0


async def write(
    chat_id: str, messages: Mapping[str, Kept], changed: Mapping[str, Facts], at: int
) -> None:
    """Insert or change those of some messages that are named in `changed`. `at`: epoch seconds."""
    lines = [
        (chat_id, message_id, kept.position, kept.parent_id, facts.role, at, at, kept.since, kept.knew, kept.origin, kept.body)
        for message_id, facts in changed.items()
        for kept in (messages[message_id],)
    ]  # fmt: skip
    for start in range(0, len(lines), _CHUNK):
        some = lines[start : start + _CHUNK]
        await execute(
            _WRITE.format(_places(len(some))), *(value for line in some for value in line)
        )


async def delete(chat_id: str, message_ids: Iterable[str]) -> None:
    """Delete some messages of a chat."""
    ids = list(message_ids)
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        places = ", ".join(f"${n}" for n in range(2, 2 + len(some)))
        await execute(_DELETE.format(places), chat_id, *some)


def _places(count: int) -> str:
    return ", ".join(
        f"({', '.join(f'${n}' for n in range(1 + line * _WIDTH, 1 + (line + 1) * _WIDTH))})"
        for line in range(count)
    )
