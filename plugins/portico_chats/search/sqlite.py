"""Trigrams in SQLite: a full-text table without content, whose words are trigrams.

Its tokenizer takes ASCII letters, ASCII digits and all other non-ASCII characters as parts of a word; so the rest
of ASCII is mapped to other characters. If two characters are mapped to one, a few more texts are compared.

Statements run on the event loop, so the work is done in steps of a few milliseconds: trigrams are made before the
transaction, which only checks that the text still waits; and the table is merged a little with every batch, not
whenever SQLite decides.
"""

import asyncio
from typing import Any, Final

import msgspec

from portico.api.db import execute, fetch_all, transaction
from portico_chats.search.trigrams import owner_prefix, query_for, trigrams

#: Characters that are indexed in one batch.
MAX_CHARS_PER_WRITE: Final = 6000
#: Pages of the index that are merged after it, many times what a batch writes.
_MERGED_PAGES: Final = 32

_WORDS: Final = {n: chr(0x80 + n) for n in range(0x80) if not chr(n).isalnum()}

_WAITING = "SELECT number, owner_id, text, state FROM chats_text WHERE state <> 1 ORDER BY state DESC LIMIT $1"
_NUMBERS = "number IN (SELECT value FROM json_each($1))"  # one text of SQL, however many there are
_ENTERED = f"UPDATE chats_text SET state = 1 WHERE {_NUMBERS} AND state = 0 RETURNING number"  # noqa: S608
_ENTER = "INSERT INTO chats_gram (rowid, grams) VALUES ($1, $2)"
_LEFT = f"DELETE FROM chats_text WHERE {_NUMBERS} AND state = 2 RETURNING number"  # noqa: S608
_LEAVE = "INSERT INTO chats_gram (chats_gram, rowid, grams) VALUES ('delete', $1, $2)"
_MERGE = "INSERT INTO chats_gram (chats_gram, rank) VALUES ('merge', $1)"  # noqa: S608
_CLEAR = "INSERT INTO chats_gram (chats_gram) VALUES ('delete-all')"
_FORGOTTEN = "DELETE FROM chats_text WHERE state <> 1 AND state = 2"
_ALL_WAIT = "UPDATE chats_text SET state = 0 WHERE state = 1"


class SQLiteIndexBackend:
    """Implementation of `IndexBackend` for SQLite."""

    contains = "instr({0}, {1}) > 0"
    array_items = "SELECT value FROM json_each({0})"
    numbers = "SELECT rowid AS number FROM chats_gram WHERE chats_gram MATCH {0}"

    def expression(self, owner_id: str, phrase: str) -> str:
        """Return quoted words, joined by AND; `*` for a prefix match."""
        prefix, query = owner_prefix(owner_id), query_for(phrase)
        if query.prefix:
            return f'"{prefix}{query.prefix.translate(_WORDS)}" *'
        return " AND ".join(f'"{prefix}{trigram.translate(_WORDS)}"' for trigram in query.trigrams)

    async def index_pending(self, batches: int = 1) -> int:
        """Index a batch in one write transaction: each costs a flush to disk, which requests then wait for.

        Texts that another process has indexed in the meantime are skipped.
        """
        some = _batch(await fetch_all(_WAITING, 64 * batches), MAX_CHARS_PER_WRITE * batches)
        if not some:
            return 0
        # In the order of numbers: for a number that is not greater than the last, the table writes out its buffer.
        some.sort(key=lambda text: text["number"])
        words = []
        for text in some:
            words.append(_words(text["owner_id"], text["text"]))
            await asyncio.sleep(0)
        async with transaction():
            entered = await _change_state(_ENTERED, [one for one in some if not one["state"]])
            left = await _change_state(_LEFT, [one for one in some if one["state"]])
            for text, grams in zip(some, words, strict=True):
                number = text["number"]
                if number in entered:
                    await execute(_ENTER, number, grams)
                elif number in left:
                    await execute(_LEAVE, number, grams)
            await asyncio.sleep(0)
            await execute(_MERGE, _MERGED_PAGES * batches)
        return len(some)

    async def clear(self) -> None:
        """Empty the index in one transaction: writers wait for some seconds if there are very many texts."""
        async with transaction():
            await execute(_FORGOTTEN)
            await execute(_ALL_WAIT)
            await execute(_CLEAR)


async def _change_state(sql: str, texts: list[dict[str, Any]]) -> set[int]:
    """Return the numbers of those texts that no other process has changed in the meantime."""
    if not texts:
        return set()
    numbers = msgspec.json.encode([text["number"] for text in texts]).decode()
    return {row["number"] for row in await fetch_all(sql, numbers)}


def _batch(waiting: list[dict[str, Any]], left: int) -> list[dict[str, Any]]:
    """Return the first texts, up to that many characters plus one text."""
    some = []
    for text in waiting:
        some.append(text)
        left -= len(text["text"])
        if left <= 0:
            break
    return some


def _words(owner_id: str, text: str) -> str:
    prefix = owner_prefix(owner_id)
    return prefix + f" {prefix}".join(trigrams(text.translate(_WORDS)))
