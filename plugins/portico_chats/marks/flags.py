"""Pinning, archiving, and where a chat lies. Nothing here knows of HTTP."""

from portico.api import Actor, House, NotFound, now, transaction
from portico_chats.marks import flag_rows, tag_rows
from portico_chats.reach import Reach, storable
from portico_chats.storage import store


class Flags:
    """What chats are marked with. What is not the caller's raises NotFound, see `Reach`; Forbidden, who may only read."""

    def __init__(self, app: House) -> None:
        self._app = app
        self._reach = Reach(app)

    async def is_pinned(self, actor: Actor, chat_id: str) -> bool:
        """Whether a chat is pinned."""
        where = await self._reach.where(actor, "read", first=store.FIND_FIRST)
        pinned = await flag_rows.is_pinned(storable(chat_id), where)
        if pinned is None:
            raise NotFound
        return pinned

    async def pin(self, actor: Actor, chat_id: str) -> None:
        """Pin a chat, or unpin it."""
        async with transaction():
            where = await self._reach.where(actor, "write", first=flag_rows.PIN_FIRST)
            owner_id = await flag_rows.pin(storable(chat_id), now(), where)
            if owner_id is None:
                raise await self._reach.refusal(actor, "write", chat_id)
            self._reach.announce(chat_id, owner_id, "updated")

    async def archive(self, actor: Actor, chat_id: str) -> None:
        """Archive a chat, or take it out again. Whoever was given a link to it cannot open it any more."""
        async with transaction():
            where = await self._reach.where(actor, "write", first=flag_rows.ARCHIVE_FIRST)
            changed = await flag_rows.archive(storable(chat_id), where)
            if changed is None:
                raise await self._reach.refusal(actor, "write", chat_id)
            owner_id, is_archived = changed
            if is_archived:
                await tag_rows.sweep(owner_id, await tag_rows.carried_by(chat_id))
            else:
                await tag_rows.revive(owner_id, chat_id)
            self._reach.announce(chat_id, owner_id, "updated")

    async def archive_all(self, actor: Actor, *, archived: bool) -> None:
        """Archive all chats of the caller's, or take them out again. They stay in their folders."""
        async with transaction():
            where = await self._reach.where(actor, "write", first=flag_rows.SOME_FIRST)
            async for ids in flag_rows.archive_all(actor.id, where, archived=archived):
                for chat_id in ids:
                    self._reach.announce(chat_id, actor.id, "updated")
            if archived:
                await tag_rows.sweep(actor.id)
            else:
                await tag_rows.revive(actor.id)

    async def file(self, actor: Actor, chat_id: str, folder_id: str | None) -> None:
        """Put a chat into a folder of its owner's, or into none, and unpin it. Raises: NotFound for another folder."""
        async with transaction():
            into, is_there = folder_id or None, True
            if into is not None:
                owner_id = await store.owner_of(storable(chat_id))
                is_there = bool(owner_id) and await self._reach.has_folder(str(owner_id), into)
            where = await self._reach.where(actor, "write", first=flag_rows.FILE_FIRST)
            owner_id = await flag_rows.file(
                storable(chat_id), into if is_there else None, now(), where
            )
            if owner_id is None:
                raise await self._reach.refusal(actor, "write", chat_id)
            if not is_there:
                raise NotFound
            self._reach.announce(chat_id, owner_id, "updated")
