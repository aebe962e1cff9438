"""Grams in SQLite: a full-text table without texts, whose words are grams.

Its tokenizer takes letters and digits of ASCII, and whatever is not ASCII, for a part of a word; so the rest of ASCII
is written as something else. Where two characters become one, a few texts more are compared in vain.
"""

from typing import Any, Final

from portico.api import execute, rows, transaction
from portico_chats.search.grams import grams_of, owner_mark, wanted

#: Characters that are taken up in one turn. Statements run on the event loop: this is a few milliseconds.
TURN: Final = 12_000
_WORDS: Final = {n: chr(0x80 + n) for n in range(0x80) if not chr(n).isalnum()}

_WAITING = "SELECT number, owner_id, text, state FROM chats_text WHERE state <> 1 ORDER BY state DESC LIMIT 64"
_ENTER = "INSERT INTO chats_gram (rowid, grams) VALUES ($1, $2)"
_LEAVE = "INSERT INTO chats_gram (chats_gram, rowid, grams) VALUES ('delete', $1, $2)"
_ENTERED = "UPDATE chats_text SET state = 1 WHERE number = $1"
_LEFT = "DELETE FROM chats_text WHERE number = $1"
_CLEAR = "INSERT INTO chats_gram (chats_gram) VALUES ('delete-all')"
_FORGOTTEN = "DELETE FROM chats_text WHERE state <> 1 AND state = 2"
_ALL_WAIT = "UPDATE chats_text SET state = 0 WHERE state = 1"


class SQLitePostings:
    """See `Postings`."""

    contains = "instr({0}, {1}) > 0"
    members = "SELECT value FROM json_each({0})"
    look = "SELECT 1 FROM chats_gram WHERE chats_gram MATCH {0}"
    # CROSS JOIN: SQLite keeps to the order as it is written.
    candidates = (
        "SELECT t.chat_id, t.text FROM chats_gram CROSS JOIN chats_text t ON t.number = chats_gram.rowid "
        "WHERE chats_gram MATCH {0} AND t.state = 1"
    )

    def expression(self, owner_id: str, phrase: str) -> str:
        """Words in quotes, joined by AND; `*` where only the beginning counts."""
        mark, want = owner_mark(owner_id), wanted(phrase)
        if want.begins:
            return f'"{mark}{want.begins.translate(_WORDS)}" *'
        return " AND ".join(f'"{mark}{gram.translate(_WORDS)}"' for gram in want.grams)

    async def settle(self) -> int:
        """One turn of the writer, so nobody else is at it."""
        async with transaction():
            some = _a_turn(await rows(_WAITING))
            # In the order of numbers: for one that is not greater than the last the table flushes what it holds.
            for text in sorted(some, key=lambda one: one["number"]):
                entering = text["state"] == 0
                words = _words(text["owner_id"], text["text"])
                await execute(_ENTER if entering else _LEAVE, text["number"], words)
                await execute(_ENTERED if entering else _LEFT, text["number"])
        return len(some)

    async def clear(self) -> None:
        """One transaction: writers wait for some seconds where there are very many texts."""
        async with transaction():
            await execute(_FORGOTTEN)
            await execute(_ALL_WAIT)
            await execute(_CLEAR)


def _a_turn(waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of them, up to `TURN` characters."""
    left, some = TURN, []
    for text in waiting:
        some.append(text)
        left -= len(text["text"])
        if left <= 0:
            break
    return some


def _words(owner_id: str, text: str) -> str:
    mark = owner_mark(owner_id)
    return " ".join([mark + gram for gram in grams_of(text.translate(_WORDS))])
