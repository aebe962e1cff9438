"""Database checks of the chat tables, besides references (`portico db check`)."""

from collections.abc import Sequence

from portico.api.db import DatabaseCheck, execute, fetch_all_in_thread, transaction

_ORPHANED = "state <> 2 AND NOT EXISTS (SELECT 1 FROM chats_chat c WHERE c.id = chats_text.chat_id)"
_COUNT = f"SELECT COUNT(*) AS n FROM chats_text WHERE {_ORPHANED}"  # noqa: S608
# The text is first removed from the index, which the server does in the background.
_DROP = (
    f"DELETE FROM chats_text WHERE state = 0 AND {_ORPHANED}",  # noqa: S608
    f"UPDATE chats_text SET state = 2 WHERE state = 1 AND {_ORPHANED}",  # noqa: S608
)


async def _find() -> Sequence[str]:
    (found,) = await fetch_all_in_thread(_COUNT)
    count = int(found["n"])
    if not count:
        return []
    rows = "row is" if count == 1 else "rows are"
    return [f"chats_text: {count} {rows} searched for a chat that does not exist."]


async def _repair() -> None:
    async with transaction():
        for statement in _DROP:
            await execute(statement)


def checks() -> list[DatabaseCheck]:
    """Return the checks of this plugin."""
    return [DatabaseCheck("chats_text", _find, _repair)]
