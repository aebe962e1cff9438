"""Chats on their way out, a few at a time: what an import takes in again."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from portico.api import row
from portico_chats.lists import list_rows
from portico_chats.schemas import Chat
from portico_chats.storage import store
from portico_chats.storage.whole import shown

_COUNT: Final = "SELECT COUNT(*) AS n FROM chats_chat"


async def count(owner_id: str | None) -> int:
    """How many somebody has; None = all there are."""
    mine, args = ("", ()) if owner_id is None else (" WHERE user_id = $1", (owner_id,))
    found = await row(_COUNT + mine, *args)
    return int(found["n"]) if found else 0


async def blocks(owner_id: str | None) -> AsyncIterator[list[Chat]]:
    """Somebody's chats, archived ones too; None = everybody's. Nothing is held between two blocks."""
    if owner_id is None:
        found = list_rows.everything(store.ANY)
    else:
        found = list_rows.blocks(await list_rows.ids(owner_id, store.ANY))
    async for block in shown(found):
        yield block


def some(chat_ids: Sequence[str]) -> AsyncIterator[list[Chat]]:
    """These chats, in this order; those that are gone are left out."""
    return shown(list_rows.blocks(chat_ids))
