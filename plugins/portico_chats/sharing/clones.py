"""Copies of own and of shared chats. Nothing here knows HTTP."""

from typing import Any

import msgspec

from portico.api import InvalidRequest, NotFound
from portico.api.auth import Actor
from portico.api.db import new_id, now, transaction
from portico_chats.access import ChatAccess, check_id
from portico_chats.content.chat_content import ContentChange
from portico_chats.content.chat_document import ChatDocument, as_json, column_title, parse_document
from portico_chats.creation import ChatCreator
from portico_chats.schemas import Chat
from portico_chats.sharing.shares import Shares
from portico_chats.storage import chat_queries
from portico_chats.storage.serialization import new_row, render_document, to_chat
from portico_chats.tags.names import parse_tags
from portico_chats.worker_thread import off_loop, size_of


class Clones:
    """Copies chats to the caller. Raises: Forbidden if the caller's chats are not to be stored."""

    def __init__(self, access: ChatAccess, creator: ChatCreator, shares: Shares) -> None:
        self._access = access
        self._creator = creator
        self._shares = shares

    async def of_own(self, actor: Actor, chat_id: str, title: str | None) -> Chat:
        """Copy a chat with its flags, folder and tags. `title`: None or "" = `Clone of …`."""
        await self._creator.check_may_store(actor)
        where = await self._access.condition_for(actor, "read", first=chat_queries.FIND_FIRST)

        async def read() -> tuple[dict[str, Any], str]:
            found = await chat_queries.find(chat_id, where)
            if found is None or found["user_id"] != actor.id:
                raise NotFound
            return found, await render_document(found)

        found, document = await self._access.read_growing(check_id(chat_id), read)
        original = to_chat(found, document)
        columns = {name: found[name] for name in ("meta", "pinned", "folder_id")}
        return await self._copy(actor, original, title, columns)

    async def of_shared(self, actor: Actor, share_id: str) -> Chat:
        """Copy what is shared under this id: only its title and document. Raises: as `Shares.get_shared`."""
        await self._creator.check_may_store(actor)
        return await self._copy(actor, await self._shares.get_shared(actor, share_id), None, {})

    async def _copy(
        self, actor: Actor, original: Chat, title: str | None, columns: dict[str, Any]
    ) -> Chat:
        title = title or f"Clone of {original.title}"
        size = size_of(original.chat)
        document = await off_loop(size, _clone_document, original, title)
        row = new_row(new_id(), actor.id, column_title(title), now()) | columns
        new = await off_loop(size, ContentChange.create, document, row["title"], actor.session_id)
        tags = parse_tags(row["meta"])
        async with transaction():
            text = await self._creator.create(row, new, tags=tags)
        return to_chat(row, text)


def _clone_document(original: Chat, title: str) -> ChatDocument:
    """Return the document of a copy, with a reference to its original.

    Raises: InvalidRequest for an old document of another shape.
    """
    try:
        document = parse_document(bytes(original.chat))
    except msgspec.ValidationError:
        raise InvalidRequest from None
    parts = document.parts | {
        "originalChatId": as_json(original.id),
        "branchPointMessageId": as_json(document.current_id),
        "title": as_json(title),
    }
    return msgspec.structs.replace(document, parts=parts, title=column_title(title))
