"""Where grams are kept: the little in which the two databases differ."""

from typing import Protocol

from portico.api import current_database


class IndexBackend(Protocol):
    """The texts that hold a gram. Whatever has to do with the words of one database is in here."""

    #: SQL that is true if the text `{0}` holds the phrase `{1}`, character for character.
    contains: str
    #: SQL that selects the members of `{0}`, a JSON array of texts.
    members: str
    #: SQL that selects `number` of each text that may hold a phrase; `{0}` is what `expression` made of it.
    numbers: str

    def expression(self, owner_id: str, phrase: str) -> str:
        """What to look up for a phrase of somebody's, in the language of the index."""
        ...

    async def index_pending(self, times: int = 1) -> int:
        """Take a few of the waiting texts up, or out. Returns how many; 0 = there are none for us.

        `times`: so many times as many as leave room for requests. One transaction, so a text is done or still waits, whatever dies; no two processes do the same one.
        """
        ...

    async def clear(self) -> None:
        """Begin anew: an empty index, and every text waits."""
        ...


def postings() -> IndexBackend:
    """Those of the current database."""
    if current_database().dialect == "postgres":
        from portico_chats.search.postgres import PostgresPostings

        return PostgresPostings()
    from portico_chats.search.sqlite import SQLitePostings

    return SQLitePostings()
