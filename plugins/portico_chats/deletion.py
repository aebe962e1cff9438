"""Deletion of chats. Messages, shares and indexed texts are deleted by foreign keys and a trigger.

Nothing here knows HTTP.
"""

from collections.abc import Sequence

from portico.api import Forbidden
from portico.api.auth import AccountDeleting, Actor
from portico.api.db import chunks, placeholders, transaction
from portico.api.interfaces import FoldersDeleting
from portico.api.policy import EVERY_ROW, SQLCondition
from portico_chats.access import ChatAccess, check_id
from portico_chats.flags import queries as flag_queries
from portico_chats.storage import chat_queries, indexed_texts
from portico_chats.tags import queries as tag_queries

#: Permission that users other than administrators need to delete any chat.
DELETE_PERMISSION = "chat.delete"


class ChatDeleter:
    """Deletes chats with their messages, shares, tags and indexed texts."""

    def __init__(self, access: ChatAccess) -> None:
        self._access = access

    async def delete(self, actor: Actor, chat_id: str) -> None:
        """Delete a chat. Raises: NotFound; Forbidden without the permission `chat.delete`."""
        await self._access.require_permission(actor, DELETE_PERMISSION)
        async with transaction():
            where = await self._access.condition_for(actor, "delete", first=chat_queries.FIND_FIRST)
            tag_ids = await tag_queries.ids_of_chat(check_id(chat_id))
            owner_id = await chat_queries.delete(chat_id, where)
            if owner_id is None:
                raise await self._access.not_found_error(actor, "delete", chat_id)
            await tag_queries.delete_unused(owner_id, tag_ids)
            self._access.publish_change(chat_id, owner_id, "deleted")

    async def delete_all(self, actor: Actor) -> None:
        """Delete all chats of the caller. Raises: Forbidden."""
        await self._access.require_permission(actor, DELETE_PERMISSION)
        async with transaction():
            where = await self._access.condition_for(
                actor, "delete", first=chat_queries.DELETE_FIRST
            )
            await self._delete(actor.id, where)

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Delete the chats of an account that is being deleted."""
        await self._delete(event.id, EVERY_ROW)
        await indexed_texts.delete_all(event.id)
        await tag_queries.delete_all(event.id)

    async def on_folders_deleting(self, event: FoldersDeleting) -> None:
        """Delete the chats that the lists of these folders show, unless the contents are kept; move the others out of the folders.

        Archived and pinned chats always stay: a folder with nothing else looks empty. Raises: Forbidden if the
        actor may not delete one of the chats.
        """
        owner_id = event.actor.id
        if event.delete_contents and await chat_queries.any_in_folders(owner_id, event.ids):
            await self._delete_listed(event.actor, event.ids)
        for chat_id in await flag_queries.remove_from_folders(owner_id, event.ids):
            self._access.publish_change(chat_id, owner_id, "updated")

    async def _delete_listed(self, actor: Actor, folder_ids: Sequence[str]) -> None:
        await self._access.require_permission(actor, DELETE_PERMISSION)
        allowed = await self._access.condition_for(actor, "delete", first=chat_queries.DELETE_FIRST)
        for some in chunks(folder_ids):
            inside = placeholders(len(some), chat_queries.DELETE_FIRST + len(allowed.args))
            where = f"folder_id IN ({inside}) AND {chat_queries.IN_FOLDER_LISTS} AND {allowed.sql}"
            await self._delete(actor.id, SQLCondition(where, (*allowed.args, *some)))
        if await chat_queries.any_in_folders(actor.id, folder_ids):
            raise Forbidden

    async def _delete(self, owner_id: str, where: SQLCondition) -> None:
        """Delete all chats of an account that meet a condition, in the open transaction."""
        async for ids in chat_queries.delete_some(owner_id, where):
            for chat_id in ids:
                self._access.publish_change(chat_id, owner_id, "deleted")
        await tag_queries.delete_unused(owner_id)
