"""Trigrams in PostgreSQL: an index on a function of the text.

The trigrams are stored in the index alone, which halves the disk space and saves searches a second table. The index
contains a text once its state is 1; the function is in the migration and matches `trigrams.py`.
"""

from collections.abc import Callable
from typing import Final

from portico.api.db import execute, transaction
from portico_chats.search.trigrams import owner_prefix, query_for

#: Texts that are indexed in one statement.
BATCH_TEXTS: Final = 32
_BATCHES_AT_ONCE: Final = 16

#: Texts that wait and that no other process locks; writers of these rows wait for this transaction.
_SOME = (
    "SELECT number FROM chats_text WHERE state <> 1 AND state = {} LIMIT $1 FOR UPDATE SKIP LOCKED"
)
_ENTER = f"UPDATE chats_text SET state = 1 WHERE number = ANY(ARRAY({_SOME.format(0)}))"  # noqa: S608
_LEAVE = f"DELETE FROM chats_text WHERE number = ANY(ARRAY({_SOME.format(2)}))"  # noqa: S608
_FORGOTTEN = "DELETE FROM chats_text WHERE state = 2"
_ALL_WAIT = "UPDATE chats_text SET state = 0 WHERE state = 1"
_REBUILD = "REINDEX INDEX chats_text_grams"


class PostgresIndexBackend:
    """Implementation of `IndexBackend` for PostgreSQL."""

    contains = "strpos({0}, {1}) > 0"
    array_items = "SELECT json_array_elements_text(CAST({0} AS JSON))"
    numbers = (
        "SELECT number FROM chats_text WHERE state = 1 "
        "AND chats_grams(owner_id, text) @@ CAST(CAST({0} AS TEXT) AS TSQUERY)"
    )

    def expression(self, owner_id: str, phrase: str) -> str:
        """Return quoted lexemes, joined by `&`; `:*` for a prefix match."""
        prefix, query = owner_prefix(owner_id), query_for(phrase)
        if query.prefix:
            return f"{_quoted(prefix + query.prefix)}:*"
        return " & ".join(_quoted(prefix + trigram) for trigram in query.trigrams)

    async def index_pending(self, batches: int = 1) -> int:
        """Index a batch; the database makes the trigrams. Texts that another process locks are skipped."""
        most = BATCH_TEXTS * batches
        return await execute(_LEAVE, most) + await execute(_ENTER, most)

    async def index_all(self, progress: Callable[[int], object]) -> None:
        """Index all waiting texts. `progress`: called with the number of texts after each statement."""
        while done := await self.index_pending(_BATCHES_AT_ONCE):
            progress(done)

    async def clear(self) -> None:
        """Empty the index; this also repairs a damaged one."""
        async with transaction():
            await execute(_FORGOTTEN)
            await execute(_ALL_WAIT)
        await execute(_REBUILD)


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
