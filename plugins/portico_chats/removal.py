"""Deleting chats. Their messages, shares and texts for the search go by the keys and a trigger of the tables.

Nothing here knows of HTTP.
"""

from collections.abc import Sequence

from portico.api import (
    AccountLeaving,
    Actor,
    FoldersLeaving,
    Forbidden,
    House,
    chunks,
    placeholders,
    transaction,
)
from portico_chats.marks import flag_rows, tag_rows
from portico_chats.reach import Reach, storable
from portico_chats.search import texts
from portico_chats.storage import store

#: What others than administrators need, to delete any chat.
PERMISSION = "chat.delete"


class Removal:
    """Chats that go: their messages, shares, tags and what can be searched for go along."""

    def __init__(self, app: House) -> None:
        self._reach = Reach(app)

    async def one(self, actor: Actor, chat_id: str) -> None:
        """Delete a chat. Raises: NotFound; Forbidden for somebody who may not delete any."""
        await self._reach.permits(actor, PERMISSION)
        async with transaction():
            where = await self._reach.where(actor, "delete", first=store.FIND_FIRST)
            carried = await tag_rows.carried_by(storable(chat_id))
            owner_id = await store.delete(chat_id, where)
            if owner_id is None:
                raise await self._reach.refusal(actor, "delete", chat_id)
            await tag_rows.sweep(owner_id, carried)
            self._reach.announce(chat_id, owner_id, "deleted")

    async def all(self, actor: Actor) -> None:
        """Delete all chats of the caller's. Raises: Forbidden."""
        await self._reach.permits(actor, PERMISSION)
        async with transaction():
            where = await self._reach.where(actor, "delete", first=store.DELETE_FIRST)
            await self._delete(actor.id, where)

    async def account_leaving(self, event: AccountLeaving) -> None:
        """The chats of somebody who leaves go with them."""
        await self._delete(event.id, store.ANY)
        await texts.drop_all(event.id)
        await tag_rows.drop_all(event.id)

    async def folders_leaving(self, event: FoldersLeaving) -> None:
        """Delete the chats that the lists of these folders show, unless they are to be kept; the others lie in none.

        Archived and pinned chats always stay: a folder that holds nothing else looks empty. Raises: Forbidden if there
        are chats to delete that the actor may not delete.
        """
        owner_id = event.actor.id
        if event.delete_contents and await store.is_listed_in(owner_id, event.ids):
            await self._delete_listed(event.actor, event.ids)
        for chat_id in await flag_rows.unfile(owner_id, event.ids):
            self._reach.announce(chat_id, owner_id, "updated")

    async def _delete_listed(self, actor: Actor, folder_ids: Sequence[str]) -> None:
        await self._reach.permits(actor, PERMISSION)
        sql, args = await self._reach.where(actor, "delete", first=store.DELETE_FIRST)
        for some in chunks(folder_ids):
            inside = placeholders(len(some), store.DELETE_FIRST + len(args))
            where = f"folder_id IN ({inside}) AND {store.IN_FOLDER_LISTS} AND {sql}"
            await self._delete(actor.id, (where, (*args, *some)))
        if await store.is_listed_in(actor.id, folder_ids):
            raise Forbidden

    async def _delete(self, owner_id: str, where: store.Where) -> None:
        """Delete all chats of somebody that meet a condition, in the transaction that is open."""
        async for ids in store.delete_some(owner_id, where):
            for chat_id in ids:
                self._reach.announce(chat_id, owner_id, "deleted")
        await tag_rows.sweep(owner_id)
