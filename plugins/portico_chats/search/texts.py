"""What can be searched for: texts for the title of each chat and for each of its messages.

Writing one is a row, in the transaction of the change. The index is brought up to date afterwards; until then a
search looks through what waits. A long text is kept in pieces that overlap, so that no step of anything is long:
whatever can be searched for lies whole in one of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from portico.api import ROWS_AT_ONCE, chunks, execute, normalized, placeholders

#: The part of a chat that is its title and whatever else belongs to no message.
TITLE: Final = ""
#: Characters of the longest phrase that can be searched for; neighbouring pieces share as many.
LONGEST: Final = 1000
#: Characters of a piece. At most as many grams are made of one, far below what a `tsvector` can hold.
PIECE: Final = 8000

_ADD = "INSERT INTO chats_text (owner_id, chat_id, part, text) VALUES "
# In this order: what is indexed between the two statements is still met by the second.
_FORGET = "DELETE FROM chats_text WHERE chat_id = $1 AND state = 0"
_LEAVE = "UPDATE chats_text SET state = 2 WHERE chat_id = $1 AND state = 1"
_FORGET_ALL = "DELETE FROM chats_text WHERE owner_id = $1 AND state = 0"
_LEAVE_ALL = "UPDATE chats_text SET state = 2 WHERE owner_id = $1 AND state = 1"


def folded(text: str) -> str:
    """A text as it is compared: one case, and one form for letters that look the same."""
    return text.lower() if text.isascii() else normalized("NFKC", text).casefold()


def pieces(text: str) -> Iterator[str]:
    """A text in parts of at most `PIECE` characters, each beginning with the last `LONGEST` of the one before."""
    step = PIECE - LONGEST
    for start in range(0, max(len(text) - LONGEST, 1), step):
        yield text[start : start + PIECE]


async def add(owner_id: str, chat_id: str, parts: Mapping[str, str]) -> None:
    """Keep texts of parts that have none yet. Empty ones need no row."""
    kept = [(part, piece) for part, text in parts.items() if text for piece in pieces(folded(text))]
    for some in chunks(kept, ROWS_AT_ONCE):
        places = ", ".join(f"($1, $2, ${3 + 2 * n}, ${4 + 2 * n})" for n in range(len(some)))
        await execute(_ADD + places, owner_id, chat_id, *(value for pair in some for value in pair))


async def put(owner_id: str, chat_id: str, parts: Mapping[str, str]) -> None:
    """Keep texts in the place of what was kept of the same parts."""
    await drop(chat_id, list(parts))
    await add(owner_id, chat_id, parts)


async def drop(chat_id: str, parts: Sequence[str] | None = None) -> None:
    """Let go of some parts of a chat; None = of all."""
    if parts is None:
        await drop_chats([chat_id])
        return
    for some in chunks(parts, ROWS_AT_ONCE):
        places = placeholders(len(some), first=2)
        await execute(f"{_FORGET} AND part IN ({places})", chat_id, *some)
        await execute(f"{_LEAVE} AND part IN ({places})", chat_id, *some)


async def drop_all(owner_id: str) -> None:
    """Let go of everything of somebody's."""
    await execute(_FORGET_ALL, owner_id)
    await execute(_LEAVE_ALL, owner_id)


async def drop_chats(chat_ids: Sequence[str]) -> None:
    """Let go of everything of some chats, not more than a statement can name."""
    places = placeholders(len(chat_ids))
    await execute(f"DELETE FROM chats_text WHERE chat_id IN ({places}) AND state = 0", *chat_ids)  # noqa: S608
    await execute(
        f"UPDATE chats_text SET state = 2 WHERE chat_id IN ({places}) AND state = 1",  # noqa: S608
        *chat_ids,
    )
