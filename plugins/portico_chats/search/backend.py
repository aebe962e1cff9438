"""The trigram index: the interface of its two database implementations."""

from collections.abc import Callable
from typing import Protocol

from portico.api.db import current_database


class IndexBackend(Protocol):
    """Finds texts by trigrams. Everything that is specific to one database is in its implementation."""

    #: SQL that is true if the text `{0}` contains the phrase `{1}` exactly.
    contains: str
    #: SQL that selects the items of `{0}`, a JSON array of texts.
    array_items: str
    #: SQL that selects the `number` of each text that may contain a phrase; `{0}` is the result of `expression`.
    numbers: str

    def expression(self, owner_id: str, phrase: str) -> str:
        """Return the index query for a phrase in one owner's texts."""
        ...

    async def index_pending(self, batches: int = 1) -> int:
        """Add a few waiting texts to the index, or remove them from it.

        Returns how many; 0 = none are left for this process.

        `batches`: multiple of the number that leaves time for requests. One transaction, so that after a crash a
        text is either done or still waiting; no two processes index the same text.
        """
        ...

    async def index_all(self, progress: Callable[[int], object]) -> None:
        """Index all waiting texts without pauses, in short transactions, for a command that waits.

        `progress`: called with the number of texts that were indexed since the last call.
        """
        ...

    async def clear(self) -> None:
        """Empty the index and mark every text as waiting."""
        ...


def index_backend() -> IndexBackend:
    """Return the implementation for the current database."""
    if current_database().dialect == "postgres":
        from portico_chats.search.postgres import PostgresIndexBackend

        return PostgresIndexBackend()
    from portico_chats.search.sqlite import SQLiteIndexBackend

    return SQLiteIndexBackend()
