"""Copies of chats: of one's own as they are, of shared ones what was shared. No HTTP here."""

from typing import Any

import msgspec

from portico.api import Actor, House, Invalid, NotFound, new_id, now, transaction
from portico_chats.content.documents import Document, as_json, column_title, take_apart
from portico_chats.making import Making
from portico_chats.marks.tag_names import tags_told
from portico_chats.off_loop import off_loop, size_of
from portico_chats.reach import Reach, storable
from portico_chats.schemas import Chat
from portico_chats.sharing.shares import Shares
from portico_chats.storage import store
from portico_chats.storage.whole import chat_of, document_of, new_row


class Clones:
    """Makes new chats of the caller's. Raises: Forbidden for somebody whose chats are not to be kept."""

    def __init__(self, app: House, shares: Shares) -> None:
        self._reach = Reach(app)
        self._making = Making(app)
        self._shares = shares

    async def of_own(self, actor: Actor, chat_id: str, title: str | None) -> Chat:
        """A copy with the flags, the folder and the tags of the original. `title`: None or "" = `Clone of …`."""
        await self._making.allow(actor)
        where = await self._reach.where(actor, "read", first=store.FIND_FIRST)
        found = await store.find(storable(chat_id), where)
        if found is None or found["user_id"] != actor.id:
            raise NotFound
        original = chat_of(found, await document_of(found))
        kept = {name: found[name] for name in ("meta", "pinned", "folder_id")}
        return await self._copy(actor, original, title, kept)

    async def of_shared(self, actor: Actor, share_id: str) -> Chat:
        """A copy of what is shared under this id: nothing but its title and document. Raises: as `Shares.open`."""
        await self._making.allow(actor)
        return await self._copy(actor, await self._shares.open(actor, share_id), None, {})

    async def _copy(
        self, actor: Actor, original: Chat, title: str | None, kept: dict[str, Any]
    ) -> Chat:
        title = title or f"Clone of {original.title}"
        size = size_of(original.chat)
        document = await off_loop(size, _branched, original, title)
        row = new_row(new_id(), actor.id, column_title(title), now()) | kept
        tags = tags_told(row["meta"])
        async with transaction():
            text = await self._making.make(row, document, origin=actor.session_id, tags=tags)
        return chat_of(row, text)


def _branched(original: Chat, title: str) -> Document:
    """The document of a copy, which says of what it is one. Raises: Invalid for a document of an old, other shape."""
    try:
        document = take_apart(bytes(original.chat))
    except msgspec.ValidationError:
        raise Invalid from None
    parts = document.parts | {
        "originalChatId": as_json(original.id),
        "branchPointMessageId": as_json(document.current_id),
        "title": as_json(title),
    }
    return msgspec.structs.replace(document, parts=parts, title=column_title(title))
