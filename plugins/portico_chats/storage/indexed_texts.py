"""Searchable texts: one for the title of each chat and one for each of its messages.

Writing a text is one row, in the transaction of the change. The index is updated afterwards; until then a search
scans the waiting texts. A long text is stored in overlapping pieces, so that no step takes long: every searchable
phrase is whole in one of them.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeAlias

from portico.api.db import (
    MAX_ROWS_PER_STATEMENT,
    chunks,
    current_database,
    execute,
    fetch_all,
    placeholder_rows,
    placeholders,
)
from portico.api.text import normalized
from portico_chats.worker_thread import PAGE_ROWS, in_turns, off_loop

#: Characters of the longest searchable phrase; neighbouring pieces overlap by as many.
MAX_PHRASE_CHARS: Final = 1000
#: Characters of a piece. It has at most as many trigrams, far below the limit of a `tsvector`.
PIECE_CHARS: Final = 8000

_ADD = "INSERT INTO chats_text (owner_id, chat_id, part, text) VALUES {}"
_FORGET_ALL = "DELETE FROM chats_text WHERE owner_id = $1 AND state = 0"
_LEAVE_ALL = "UPDATE chats_text SET state = 2 WHERE owner_id = $1 AND state = 1"
# In this order: a text that is indexed between the two statements is still met by the second. `state + 0` keeps
# databases from using the index on states: it contains all waiting texts, and those that this transaction deleted.
_FORGET_OF = "DELETE FROM chats_text WHERE {} AND state + 0 = 0"
_LEAVE_OF = "UPDATE chats_text SET state = 2 WHERE {} AND state + 0 = 1"
_PAGE: Final = (
    "SELECT number, part FROM chats_text WHERE chat_id = $1 AND part >= $2 AND (part > $2 OR number > $3) "
    "ORDER BY part, number LIMIT {}"
)


def folded(text: str) -> str:
    """Return a text for comparison: in one case, and in one form for letters that look the same."""
    return text.lower() if text.isascii() else normalized("NFKC", text).casefold()


def split_text(text: str) -> Iterator[str]:
    """Yield parts of at most `PIECE_CHARS` characters, each starting with the last `MAX_PHRASE_CHARS` of the one before."""
    step = PIECE_CHARS - MAX_PHRASE_CHARS
    for start in range(0, max(len(text) - MAX_PHRASE_CHARS, 1), step):
        yield text[start : start + PIECE_CHARS]


#: Owner, chat, part, text.
_Line: TypeAlias = tuple[str, str, str, str]


def _folded_lines(lines: Sequence[_Line]) -> list[_Line]:
    return [
        (owner_id, chat_id, part, piece)
        for owner_id, chat_id, part, text in lines
        for piece in split_text(folded(text))
    ]


@lru_cache(maxsize=MAX_ROWS_PER_STATEMENT)
def _adding(count: int) -> str:
    return _ADD.format(placeholder_rows(count, 4))


async def add(owner_id: str, chat_id: str, parts: Mapping[str, str]) -> None:
    """Insert texts of parts that have none yet. Empty ones need no row."""
    await add_all([(owner_id, chat_id, parts)])


async def add_all(chats: Iterable[tuple[str, str, Mapping[str, str]]]) -> None:
    """Insert texts as `add`, of several chats: their owner, their id, their parts."""
    lines = [
        (owner_id, chat_id, part, text)
        for owner_id, chat_id, parts in chats
        for part, text in parts.items()
        if text
    ]
    async for some in in_turns(lines, MAX_ROWS_PER_STATEMENT):
        size = sum(len(text) for _, _, _, text in some)
        pieces = await off_loop(size, _folded_lines, some)
        async for rows in in_turns(pieces, MAX_ROWS_PER_STATEMENT):
            await execute(_adding(len(rows)), *chain.from_iterable(rows))


async def put(owner_id: str, chat_id: str, parts: Mapping[str, str]) -> None:
    """Replace the texts of these parts."""
    await delete(chat_id, list(parts))
    await add(owner_id, chat_id, parts)


async def delete(chat_id: str, parts: Sequence[str] | None = None) -> None:
    """Delete the texts of some parts of a chat; None = of all."""
    if parts is None:
        await delete_chats([chat_id])
    elif len(parts) > MAX_ROWS_PER_STATEMENT:
        await _delete_in_pages(chat_id, set(parts))
    elif parts:
        places = placeholders(len(parts), first=2)
        await _delete_where(f"chat_id = $1 AND part IN ({places})", [chat_id, *parts])


async def delete_all(owner_id: str) -> None:
    """Delete all texts of an account."""
    await execute(_FORGET_ALL, owner_id)
    await execute(_LEAVE_ALL, owner_id)


async def delete_chats(chat_ids: Sequence[str]) -> None:
    """Delete all texts of some chats, at most as many as one statement takes."""
    if current_database().dialect == "sqlite":  # it works on the event loop
        for chat_id in chat_ids:
            await _delete_in_pages(chat_id)
    else:
        await _delete_where(f"chat_id IN ({placeholders(len(chat_ids))})", chat_ids)


async def _delete_in_pages(chat_id: str, parts: Set[str] | None = None) -> None:
    """Read the texts of a chat once. PostgreSQL would do so for every statement that names some of many parts."""
    size = PAGE_ROWS[current_database().dialect]
    part, number = "", -1
    while True:
        found = await fetch_all(_PAGE.format(size), chat_id, part, number)
        if found:
            part, number = found[-1]["part"], found[-1]["number"]
        numbers = [one["number"] for one in found if parts is None or one["part"] in parts]
        for some in chunks(numbers):
            await _delete_where(f"number IN ({placeholders(len(some))})", some)
        if len(found) < size:
            return
        await asyncio.sleep(0)


async def _delete_where(condition: str, args: Sequence[Any]) -> None:
    await execute(_FORGET_OF.format(condition), *args)
    await execute(_LEAVE_OF.format(condition), *args)
