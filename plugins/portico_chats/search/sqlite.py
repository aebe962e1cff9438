"""Trigrams in SQLite: a full-text table without content, whose words are trigrams.

Its tokenizer takes ASCII letters, ASCII digits and all other non-ASCII characters as parts of a word; so the rest
of ASCII is mapped to other characters. If two characters are mapped to one, a few more texts are compared.

Statements run on the event loop, so the work is done in steps of a few milliseconds: trigrams are made before the
transaction, which only checks that the text still waits; and the table is merged a little with every batch, not
whenever SQLite decides.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from portico.api.db import chunks, execute, fetch_all, transaction
from portico_chats.search.trigrams import owner_prefix, query_for, trigrams

#: Characters that are indexed in one batch.
MAX_CHARS_PER_WRITE: Final = 16_000
#: Texts of a batch, at most. Those beyond the characters are read in vain.
MAX_TEXTS_PER_WRITE: Final = 48
#: Texts that one statement writes to the index, which takes a millisecond or two.
_TEXTS_PER_STATEMENT: Final = 16
#: Texts and characters of one transaction where all are indexed. Its statement has so many words that a thread runs it.
_MAX_TEXTS_AT_ONCE: Final = 300
_MAX_CHARS_AT_ONCE: Final = 100_000
_MERGED_PAGES_AT_ONCE: Final = 400
#: Pages of the index that are merged after it, many times what a batch writes.
_MERGED_PAGES: Final = 32
#: Seconds of making trigrams after which other requests get the event loop. Each such turn costs as much as a text.
_STEP_SECONDS: Final = 0.001

_WORDS: Final = {n: chr(0x80 + n) for n in range(0x80) if not chr(n).isalnum()}
#: The same for bytes of ASCII, which are then Latin-1.
_ASCII_WORDS: Final = bytes(ord(_WORDS.get(n, chr(n))) for n in range(0x100))

_WAITING = "SELECT number, owner_id, text, state FROM chats_text WHERE state <> 1 ORDER BY state DESC LIMIT $1"
_WAITING_BESIDES = (
    "SELECT number, owner_id, text, state FROM chats_text WHERE state <> 1 "
    "AND number NOT IN (SELECT value FROM json_each($2)) ORDER BY state DESC LIMIT $1"
)
_NUMBERS = "number IN (SELECT value FROM json_each($1))"  # one text of SQL, however many there are
_ENTERED = f"UPDATE chats_text SET state = 1 WHERE {_NUMBERS} AND state = 0 RETURNING number"  # noqa: S608
_ENTER = "INSERT INTO chats_gram (rowid, grams) VALUES {}"
_LEFT = f"DELETE FROM chats_text WHERE {_NUMBERS} AND state = 2 RETURNING number"  # noqa: S608
_LEAVE = "INSERT INTO chats_gram (chats_gram, rowid, grams) VALUES {}"
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
        limit = MAX_TEXTS_PER_WRITE * batches
        some = _batch(await fetch_all(_WAITING, limit), MAX_CHARS_PER_WRITE * batches)
        if some:
            await _index(await _words_of(some), _TEXTS_PER_STATEMENT, _MERGED_PAGES * batches)
        return len(some)

    async def index_all(self, progress: Callable[[int], object]) -> None:
        """Index all waiting texts. While a thread writes the words of some, those of the next are made.

        `progress`: called with the number of texts after each transaction.
        """
        writing: asyncio.Task[None] | None = None
        written: list[int] = []
        try:
            while True:
                numbers = msgspec.json.encode(written).decode()
                waiting = await fetch_all(_WAITING_BESIDES, _MAX_TEXTS_AT_ONCE, numbers)
                words = await _words_of(_batch(waiting, _MAX_CHARS_AT_ONCE))
                if writing is not None:
                    await writing
                    progress(len(written))
                if not words:
                    return
                written = [one.number for one in words]
                writing = asyncio.create_task(_index(words, len(words), _MERGED_PAGES_AT_ONCE))
        finally:
            if writing is not None:
                writing.cancel()  # only if this is cancelled or failed: otherwise it has ended

    async def clear(self) -> None:
        """Empty the index in one transaction: writers wait for some seconds if there are very many texts."""
        async with transaction():
            await execute(_FORGOTTEN)
            await execute(_ALL_WAIT)
            await execute(_CLEAR)


class _Words(NamedTuple):
    """The words of a text in the table. `state`: of the text, see the migration."""

    number: int
    words: str
    state: int


async def _words_of(texts: Sequence[dict[str, Any]]) -> list[_Words]:
    """Return the words of texts, with turns for other requests.

    In the order of numbers: for a number that is not greater than the last, the table writes out its buffer.
    """
    words = []
    began = time.monotonic()
    for text in sorted(texts, key=lambda one: int(one["number"])):
        made = _words(text["owner_id"], text["text"])
        words.append(_Words(text["number"], made, text["state"]))
        if time.monotonic() - began > _STEP_SECONDS:
            await asyncio.sleep(0)
            began = time.monotonic()
    return words


async def _index(words: Sequence[_Words], per_statement: int, merged_pages: int) -> None:
    """Add texts to the index, or remove them, in one transaction."""
    async with transaction():
        entered = await _change_state(_ENTERED, [one for one in words if not one.state])
        left = await _change_state(_LEFT, [one for one in words if one.state])
        removed = [one for one in words if one.number in left]
        await _write(_LEAVE, "('delete', ${}, ${})", removed, per_statement)
        added = [one for one in words if one.number in entered]
        await _write(_ENTER, "(${}, ${})", added, per_statement)
        await asyncio.sleep(0)
        await execute(_MERGE, merged_pages)


async def _write(sql: str, row: str, words: Sequence[_Words], per_statement: int) -> None:
    """Run a statement of the table once for all of these rows: each statement costs more than most rows."""
    for some in chunks(words, per_statement):
        await asyncio.sleep(0)
        values = (value for one in some for value in (one.number, one.words))
        await execute(_statement(sql, row, len(some)), *values)


@lru_cache(maxsize=2 * _TEXTS_PER_STATEMENT)
def _statement(sql: str, row: str, count: int) -> str:
    return sql.format(", ".join(row.format(n, n + 1) for n in range(1, 2 * count, 2)))


async def _change_state(sql: str, texts: Sequence[_Words]) -> set[int]:
    """Return the numbers of those texts that no other process has changed in the meantime."""
    if not texts:
        return set()
    numbers = msgspec.json.encode([text.number for text in texts]).decode()
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
    if text.isascii():  # a tenth of the time
        text = text.encode().translate(_ASCII_WORDS).decode("latin-1")
    else:
        text = text.translate(_WORDS)
    prefix = owner_prefix(owner_id)
    return prefix + f" {prefix}".join(trigrams(text))
