"""Which models the replies in stored chats are of (the service `ReplyLookup`)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api.interfaces import ReplyModels
from portico_chats.access import is_storable
from portico_chats.content.chat_document import is_message_id
from portico_chats.storage import chat_queries, message_queries

#: Other replies to the same prompt that are read.
MAX_SIBLINGS: Final = 64


class _Reply(msgspec.Struct):
    """The fields of a message that are read here. They belong to the client, so each may be anything."""

    role: Any = None
    parentId: Any = None  # noqa: N815 - the client's word
    childrenIds: Any = None  # noqa: N815 - the client's word
    model: Any = None
    selectedModelId: Any = None  # noqa: N815 - the client's word

    @property
    def model_ids(self) -> list[str]:
        """The model that was asked, and the one that it has picked."""
        return [one for one in (self.model, self.selectedModelId) if one and isinstance(one, str)]


_REPLY = msgspec.json.Decoder(_Reply)


class StoredReplies:
    """Reads a reply and the other replies to its prompt. The cost does not depend on the length of the chat."""

    async def find(self, owner_id: str, chat_id: str, message_id: str) -> ReplyModels | None:
        """Return the models of a reply; None if it is no reply, or not in a chat of this account."""
        if not (is_storable(chat_id) and is_message_id(message_id)):
            return None
        if await chat_queries.owner_of(chat_id) != owner_id:
            return None
        inside = await self._inside(chat_id, message_id)
        reply = inside.get(message_id)
        if reply is None or reply.role != "assistant":
            return None
        parents = await self._some(chat_id, [reply.parentId], inside)
        children = [one.childrenIds for one in parents.values()]
        children = children[0] if children and isinstance(children[0], list) else []
        others = [one for one in children if one != message_id][:MAX_SIBLINGS]
        siblings = (await self._some(chat_id, others, inside)).values()
        return ReplyModels(
            tuple(dict.fromkeys(reply.model_ids)),
            frozenset(name for one in siblings for name in one.model_ids),
        )

    async def _inside(self, chat_id: str, message_id: str) -> Mapping[str, _Reply]:
        """Return the message; of a document in one piece, all its messages, see `ChatSkeleton.messages_inside`."""
        if found := await self._some(chat_id, [message_id], {}):
            return found
        row = await chat_queries.find_skeleton_row(chat_id)
        inside = chat_queries.skeleton_of_row(row).messages_inside() if row else None
        return {one: _REPLY.decode(body) for one, body in (inside or {}).items()}

    async def _some(
        self, chat_id: str, message_ids: list[Any], inside: Mapping[str, _Reply]
    ) -> Mapping[str, _Reply]:
        """Return those of the messages that exist. Ids come from clients."""
        ids = [one for one in message_ids if isinstance(one, str) and is_message_id(one)]
        if missing := [one for one in ids if one not in inside]:
            found = await message_queries.some(chat_id, missing)
            return {one: inside[one] for one in ids if one in inside} | {
                one: _REPLY.decode(stored.body) for one, stored in found.items()
            }
        return {one: inside[one] for one in ids}
