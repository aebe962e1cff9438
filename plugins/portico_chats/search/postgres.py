"""Grams in PostgreSQL: an index over what a function makes of a text.

They are nowhere but in the index, which keeps half of it off the disk and a second table off every search. The index
takes a text up when its state becomes 1; the function is that of the migration, and says what `grams.py` says.
"""

from typing import Final

from portico.api import execute, transaction
from portico_chats.search.trigrams import owner_prefix, query_for

#: Texts that are taken up in one statement.
MOST: Final = 32

#: Some that wait and that nobody else is at; whoever wants to change one of them waits for us.
_SOME = (
    "SELECT number FROM chats_text WHERE state <> 1 AND state = {} LIMIT $1 FOR UPDATE SKIP LOCKED"
)
_ENTER = f"UPDATE chats_text SET state = 1 WHERE number = ANY(ARRAY({_SOME.format(0)}))"  # noqa: S608
_LEAVE = f"DELETE FROM chats_text WHERE number = ANY(ARRAY({_SOME.format(2)}))"  # noqa: S608
_FORGOTTEN = "DELETE FROM chats_text WHERE state = 2"
_ALL_WAIT = "UPDATE chats_text SET state = 0 WHERE state = 1"
_REBUILD = "REINDEX INDEX chats_text_grams"


class PostgresPostings:
    """See `IndexBackend`."""

    contains = "strpos({0}, {1}) > 0"
    members = "SELECT json_array_elements_text(CAST({0} AS JSON))"
    numbers = (
        "SELECT number FROM chats_text WHERE state = 1 "
        "AND chats_grams(owner_id, text) @@ CAST(CAST({0} AS TEXT) AS TSQUERY)"
    )

    def expression(self, owner_id: str, phrase: str) -> str:
        """Lexemes in quotes, joined by `&`; `:*` where only the beginning counts."""
        mark, want = owner_prefix(owner_id), query_for(phrase)
        if want.begins:
            return f"{_quoted(mark + want.begins)}:*"
        return " & ".join(_quoted(mark + gram) for gram in want.grams)

    async def index_pending(self, times: int = 1) -> int:
        """The database makes the grams. Texts that another process is at are passed over."""
        most = MOST * times
        return await execute(_LEAVE, most) + await execute(_ENTER, most)

    async def clear(self) -> None:
        """What is damaged in the index is gone with it."""
        async with transaction():
            await execute(_FORGOTTEN)
            await execute(_ALL_WAIT)
        await execute(_REBUILD)


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
