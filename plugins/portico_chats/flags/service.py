"""Pinning, archiving and the folder of a chat. Nothing here knows HTTP."""

from portico.api import NotFound
from portico.api.auth import Actor
from portico.api.db import now, transaction
from portico_chats.access import ChatAccess, check_id
from portico_chats.flags import queries as flag_queries
from portico_chats.storage import chat_queries
from portico_chats.tags import queries as tag_queries


class Flags:
    """Flags of chats.

    Raises NotFound for a chat the actor may not read, see `ChatAccess`, and Forbidden if it may only be read.
    """

    def __init__(self, access: ChatAccess) -> None:
        self._access = access

    async def is_pinned(self, actor: Actor, chat_id: str) -> bool:
        """Return whether a chat is pinned."""
        where = await self._access.condition_for(actor, "read", first=chat_queries.FIND_FIRST)
        pinned = await flag_queries.is_pinned(check_id(chat_id), where)
        if pinned is None:
            raise NotFound
        return pinned

    async def pin(self, actor: Actor, chat_id: str) -> None:
        """Pin a chat, or unpin it."""
        async with transaction():
            where = await self._access.condition_for(actor, "write", first=flag_queries.PIN_FIRST)
            owner_id = await flag_queries.pin(check_id(chat_id), now(), where)
            if owner_id is None:
                raise await self._access.not_found_error(actor, "write", chat_id)
            self._access.publish_change(chat_id, owner_id, "updated")

    async def archive(self, actor: Actor, chat_id: str) -> None:
        """Archive a chat, or unarchive it. A link to it stops working."""
        async with transaction():
            where = await self._access.condition_for(
                actor, "write", first=flag_queries.ARCHIVE_FIRST
            )
            changed = await flag_queries.archive(check_id(chat_id), where)
            if changed is None:
                raise await self._access.not_found_error(actor, "write", chat_id)
            owner_id, is_archived = changed
            if is_archived:
                await tag_queries.delete_unused(owner_id, await tag_queries.ids_of_chat(chat_id))
            else:
                await tag_queries.restore(owner_id, chat_id)
            self._access.publish_change(chat_id, owner_id, "updated")

    async def archive_all(self, actor: Actor, *, archived: bool) -> None:
        """Archive all chats of the caller, or unarchive them. They stay in their folders."""
        async with transaction():
            where = await self._access.condition_for(actor, "write", first=flag_queries.SOME_FIRST)
            async for ids in flag_queries.archive_all(actor.id, where, archived=archived):
                for chat_id in ids:
                    self._access.publish_change(chat_id, actor.id, "updated")
            if archived:
                await tag_queries.delete_unused(actor.id)
            else:
                await tag_queries.restore(actor.id)

    async def move_to_folder(self, actor: Actor, chat_id: str, folder_id: str | None) -> None:
        """Move a chat to a folder of its owner, or out of its folder, and unpin it.

        Raises: NotFound for an unknown folder.
        """
        async with transaction():
            into, is_there = folder_id or None, True
            if into is not None:
                owner_id = await chat_queries.owner_of(check_id(chat_id))
                is_there = bool(owner_id) and await self._access.has_folder(str(owner_id), into)
            where = await self._access.condition_for(actor, "write", first=flag_queries.MOVE_FIRST)
            owner_id = await flag_queries.move_to_folder(
                check_id(chat_id), into if is_there else None, now(), where
            )
            if owner_id is None:
                raise await self._access.not_found_error(actor, "write", chat_id)
            if not is_there:
                raise NotFound
            self._access.publish_change(chat_id, owner_id, "updated")
