"""Tags of chats. Nothing here knows HTTP.

The tags of chats have rows of their own for lookups; the `meta` of each chat lists them too, because clients read
it. Both are written in one transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from portico.api import InvalidRequest, NotFound
from portico.api.auth import Actor
from portico.api.db import transaction
from portico.api.policy import EVERY_ROW
from portico_chats.access import ChatAccess, check_id
from portico_chats.content.chat_document import is_text
from portico_chats.storage import chat_queries
from portico_chats.tags import queries as tag_queries
from portico_chats.tags.names import (
    MAX_TAGS_PER_CHAT,
    read_name,
    tag_id,
    tags_in,
    valid_names,
    with_tags,
)


class Tags:
    """Tags of chats.

    Raises NotFound for a chat the actor may not read, see `ChatAccess`. Lists have the shape of `ChatTag`.
    """

    def __init__(self, access: ChatAccess) -> None:
        self._access = access

    async def all(self, actor: Actor) -> list[dict[str, Any]]:
        """Return the caller's tags."""
        return await tag_queries.of_owner(actor.id)

    async def of(self, actor: Actor, chat_id: str) -> list[dict[str, Any]]:
        """Return the tags of a chat."""
        where = await self._access.condition_for(actor, "read", first=chat_queries.FIND_FIRST)
        if await chat_queries.place_of(check_id(chat_id), where) is None:
            raise NotFound
        return await tag_queries.of_chat(chat_id)

    async def chats_with_tag(
        self, actor: Actor, name: str, skip: int, limit: int
    ) -> list[dict[str, Any]]:
        """Return the caller's chats with a tag that are not archived, the last changed first. Shape: `ListedChat`."""
        tag_key = tag_id(name.replace("\x00", ""))
        if not tag_key or not is_text(tag_key):
            return []
        where = await self._access.condition_for(actor, "read", first=tag_queries.WITH_TAG_FIRST)
        return await tag_queries.chats_with_tag(actor.id, tag_key, skip, limit, where)

    async def add(self, actor: Actor, chat_id: str, name: str) -> list[dict[str, Any]]:
        """Add a tag to a chat. Returns all its tags.

        Raises: InvalidRequest for an invalid name, and if the chat has too many tags; Forbidden.
        """
        tag_key, name = read_name(name)
        async with transaction():
            chat = await self._lock(actor, chat_id)
            owner_id, tag_ids = chat["user_id"], tags_in(chat["meta"])
            if tag_key not in tag_ids:
                if len(tag_ids) >= MAX_TAGS_PER_CHAT:
                    raise InvalidRequest(f"[ERROR: A chat has at most {MAX_TAGS_PER_CHAT} tags]")
                await attach(chat_id, owner_id, {tag_key: name}, archived=chat["archived"])
                await tag_queries.store_meta(chat_id, with_tags(chat["meta"], [*tag_ids, tag_key]))
                self._access.publish_change(chat_id, owner_id, "updated")
            return await tag_queries.of_chat(chat_id)

    async def remove(self, actor: Actor, chat_id: str, name: str) -> list[dict[str, Any]]:
        """Remove a tag from a chat. Returns the remaining tags. Raises: Forbidden."""
        tag_key = tag_id(name.replace("\x00", ""))
        async with transaction():
            chat = await self._lock(actor, chat_id)
            tag_ids = tags_in(chat["meta"])
            if tag_key in tag_ids:
                await self._detach(chat, chat_id, [one for one in tag_ids if one != tag_key])
            return await tag_queries.of_chat(chat_id)

    async def clear(self, actor: Actor, chat_id: str) -> None:
        """Remove all tags from a chat. Raises: Forbidden."""
        async with transaction():
            chat = await self._lock(actor, chat_id)
            if tags_in(chat["meta"]):
                await self._detach(chat, chat_id, [])

    async def replace(self, chat_id: str, names: Sequence[str]) -> list[str]:
        """Replace the tags of a chat by those of the names that are valid, in the open transaction. Checks no access.

        Return the names; empty if none is valid or there is no such chat, and nothing was changed.
        """
        tags = valid_names(names)
        chat = await tag_queries.lock_chat(chat_id, EVERY_ROW) if tags else None
        if chat is None:
            return []
        before = tags_in(chat["meta"])
        added = {tag_key: name for tag_key, name in tags.items() if tag_key not in before}
        await attach(chat_id, chat["user_id"], added, archived=chat["archived"])
        await self._detach(chat, chat_id, list(tags))
        return list(tags.values())

    async def _lock(self, actor: Actor, chat_id: str) -> dict[str, Any]:
        where = await self._access.condition_for(actor, "write", first=tag_queries.FIRST)
        chat = await tag_queries.lock_chat(check_id(chat_id), where)
        if chat is None:
            raise await self._access.not_found_error(actor, "write", chat_id)
        return chat

    async def _detach(self, chat: dict[str, Any], chat_id: str, remaining: list[str]) -> None:
        """Remove all tags of a locked chat but these, which become those of its `meta`."""
        removed = [one for one in tags_in(chat["meta"]) if one not in remaining and is_text(one)]
        if removed:
            await tag_queries.detach(chat_id, removed)
        await tag_queries.store_meta(chat_id, with_tags(chat["meta"], remaining))
        await tag_queries.delete_unused(chat["user_id"], removed)
        self._access.publish_change(chat_id, chat["user_id"], "updated")


async def attach(chat_id: str, owner_id: str, tags: Mapping[str, str], *, archived: bool) -> None:
    """Add tags, given as names by id, to a chat. The caller writes its `meta`, in the same transaction."""
    await attach_all([TaggedChat(chat_id, owner_id, tags, archived)])


class TaggedChat(NamedTuple):
    """A chat with new tags, as names by id."""

    id: str
    owner_id: str
    tags: Mapping[str, str]
    is_archived: bool


async def attach_all(chats: Sequence[TaggedChat]) -> None:
    """Add tags to chats as `attach`, in a few statements for all."""
    for owner_id in sorted({one.owner_id for one in chats if one.tags}):
        await tag_queries.lock_owner(owner_id)
    await tag_queries.attach([(one.id, key, one.owner_id) for one in chats for key in one.tags])
    await tag_queries.insert_names(
        [
            (one.owner_id, key, name)
            for one in chats
            if not one.is_archived
            for key, name in one.tags.items()
        ]
    )
