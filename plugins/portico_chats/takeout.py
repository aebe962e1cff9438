"""Chats on their way out, a few at a time: what an import takes in again."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from portico.api import chunks, row
from portico_chats import store
from portico_chats.schemas import Chat
from portico_chats.whole import chat_of, document_of

_COUNT: Final = "SELECT COUNT(*) AS n FROM chats_chat WHERE "


def of_owner(owner_id: str | None) -> store.Where:
    """Whose chats are meant: somebody's, or everybody's."""
    return store.ANY if owner_id is None else ("user_id = $1", (owner_id,))


async def count(which: store.Where) -> int:
    """How many there are."""
    found = await row(_COUNT + which[0], *which[1])
    return int(found["n"]) if found else 0


async def blocks(which: store.Where) -> AsyncIterator[list[Chat]]:
    """Whole chats, archived ones too, those changed last first. Nothing is held between two blocks."""
    async for block in store.blocks(which):
        yield [chat_of(one, document_of(one)) for one in block]


async def some(chat_ids: Sequence[str]) -> AsyncIterator[list[Chat]]:
    """These chats, in this order; those that are gone are left out."""
    for ids in chunks(chat_ids, store.BLOCK):
        found = {one["id"]: one for one in await store.some(ids)}
        yield [chat_of(found[one], document_of(found[one])) for one in ids if one in found]
