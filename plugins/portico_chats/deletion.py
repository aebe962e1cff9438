"""Deleting chats. Their messages, shares and texts for the search go by the keys and a trigger of the tables.

Nothing here knows of HTTP.
"""

from collections.abc import Sequence

from portico.api import (
    AccountDeleting,
    Actor,
    AppContext,
    FoldersDeleting,
    Forbidden,
    chunks,
    placeholders,
    transaction,
)
from portico_chats.access import ChatAccess, check_id
from portico_chats.flags import queries as flag_queries
from portico_chats.storage import chat_queries, indexed_texts
from portico_chats.tags import queries as tag_queries

#: What others than administrators need, to delete any chat.
PERMISSION = "chat.delete"


class ChatDeleter:
    """Chats that go: their messages, shares, tags and what can be searched for go along."""

    def __init__(self, app: AppContext) -> None:
        self._reach = ChatAccess(app)

    async def delete(self, actor: Actor, chat_id: str) -> None:
        """Delete a chat. Raises: NotFound; Forbidden for somebody who may not delete any."""
        await self._reach.require_permission(actor, PERMISSION)
        async with transaction():
            where = await self._reach.condition_for(actor, "delete", first=chat_queries.FIND_FIRST)
            carried = await tag_queries.carried_by(check_id(chat_id))
            owner_id = await chat_queries.delete(chat_id, where)
            if owner_id is None:
                raise await self._reach.refusal(actor, "delete", chat_id)
            await tag_queries.delete_unused(owner_id, carried)
            self._reach.publish_change(chat_id, owner_id, "deleted")

    async def delete_all(self, actor: Actor) -> None:
        """Delete all chats of the caller's. Raises: Forbidden."""
        await self._reach.require_permission(actor, PERMISSION)
        async with transaction():
            where = await self._reach.condition_for(
                actor, "delete", first=chat_queries.DELETE_FIRST
            )
            await self._delete(actor.id, where)

    async def account_leaving(self, event: AccountDeleting) -> None:
        """The chats of somebody who leaves go with them."""
        await self._delete(event.id, chat_queries.ANY)
        await indexed_texts.drop_all(event.id)
        await tag_queries.drop_all(event.id)

    async def folders_leaving(self, event: FoldersDeleting) -> None:
        """Delete the chats that the lists of these folders show, unless they are to be kept; the others lie in none.

        Archived and pinned chats always stay: a folder that holds nothing else looks empty. Raises: Forbidden if there
        are chats to delete that the actor may not delete.
        """
        owner_id = event.actor.id
        if event.delete_contents and await chat_queries.is_listed_in(owner_id, event.ids):
            await self._delete_listed(event.actor, event.ids)
        for chat_id in await flag_queries.remove_from_folders(owner_id, event.ids):
            self._reach.publish_change(chat_id, owner_id, "updated")

    async def _delete_listed(self, actor: Actor, folder_ids: Sequence[str]) -> None:
        await self._reach.require_permission(actor, PERMISSION)
        sql, args = await self._reach.condition_for(
            actor, "delete", first=chat_queries.DELETE_FIRST
        )
        for some in chunks(folder_ids):
            inside = placeholders(len(some), chat_queries.DELETE_FIRST + len(args))
            where = f"folder_id IN ({inside}) AND {chat_queries.IN_FOLDER_LISTS} AND {sql}"
            await self._delete(actor.id, (where, (*args, *some)))
        if await chat_queries.is_listed_in(actor.id, folder_ids):
            raise Forbidden

    async def _delete(self, owner_id: str, where: chat_queries.Where) -> None:
        """Delete all chats of somebody that meet a condition, in the transaction that is open."""
        async for ids in chat_queries.delete_some(owner_id, where):
            for chat_id in ids:
                self._reach.publish_change(chat_id, owner_id, "deleted")
        await tag_queries.delete_unused(owner_id)
