"""Single messages: what users, models and plugins write into a chat.

The cost does not depend on the length of the chat.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest, NotFound
from portico.api.auth import Actor
from portico.api.db import RollBack, after_commit, now, transaction
from portico.api.interfaces import MessageEvent, WritableChat
from portico.api.policy import EVERY_ROW
from portico_chats.access import ChatAccess, is_storable
from portico_chats.content.chat_document import is_message_id, is_text
from portico_chats.content.message_body import read_message
from portico_chats.content.message_events import asks_client, creates_message, handler_for_event
from portico_chats.schemas import MessageForm
from portico_chats.storage import chat_queries, message_queries
from portico_chats.storage.single_message import ID_RULE, NewMessage, update_message

ASKS_CLIENT: Final = "type: an event that clients answer cannot be sent to all of them. Use another type, such as `status`."


class MessageService:
    """Single messages of chats. Raises NotFound for a chat the actor may not read, see `ChatAccess`."""

    def __init__(self, app: AppContext, access: ChatAccess) -> None:
        self._app = app
        self._access = access

    async def write(self, actor: Actor, chat_id: str, message_id: str, form: MessageForm) -> None:
        """Write the content of a message and make it the current one; create it if it does not exist.

        Raises: Forbidden if the actor may not edit; InvalidRequest for an invalid id and for an unknown parent;
        NotFound for a deleted message.
        """
        await self._access.require_permission(actor, "chat.edit")
        _check(message_id)
        content, parent_id = form.content, form.parentId or None
        new = NewMessage(role=form.role, parent_id=parent_id, is_done=True)
        async with transaction():
            locked = await self._access.lock_for(actor, "write", chat_id)
            if parent_id is not None and not await _exists(chat_id, parent_id):
                raise InvalidRequest("parentId: this chat has no message with that id.")
            if not await update_message(
                locked, message_id, lambda _: {"content": content}, actor.session_id, new
            ):
                raise NotFound
            self._access.publish_change(chat_id, locked["user_id"], "updated")
            event_data = msgspec.Raw(msgspec.json.encode({"content": content}))
            self._publish(locked, message_id, "chat:message", event_data)

    async def publish_event(
        self, actor: Actor, chat_id: str, message_id: str, kind: str, data: msgspec.Raw
    ) -> bool:
        """Publish an event of a message, and store its lasting effect (see `message_events`).

        Returns False and publishes nothing if the message was deleted. Raises: InvalidRequest for an event that clients
        answer.
        """
        _check(message_id)
        if asks_client(kind):
            raise InvalidRequest(ASKS_CLIENT)
        effect = handler_for_event(kind, data)
        new = NewMessage(role="assistant") if creates_message(kind) else None
        locked: dict[str, Any] = {}
        try:
            async with transaction():
                locked = await self._access.lock_for(actor, "write", chat_id)
                if effect is None or not await update_message(
                    locked, message_id, effect, actor.session_id, new
                ):
                    raise RollBack  # so that the chat is not marked as changed
                self._access.publish_change(chat_id, locked["user_id"], "updated")
                self._publish(locked, message_id, kind, data)
        except RollBack:
            _check(message_id, is_message_id)
            if await message_queries.was_deleted(chat_id, message_id):
                return False
            self._publish(locked, message_id, kind, data)
        return True

    async def find_writable(self, actor: Actor, chat_id: str) -> WritableChat | None:
        """Return the chat, if the actor may have a model answer in it (part of `ChatStore`)."""
        where = await self._access.condition_for(actor, "write", first=chat_queries.FIND_FIRST)
        found = await chat_queries.place_of(chat_id, where) if is_storable(chat_id) else None
        return WritableChat(found["user_id"], found["folder_id"]) if found else None

    async def title(self, chat_id: str) -> str:
        """Return the title of a chat (part of `ChatStore`)."""
        return await chat_queries.title_of(chat_id)

    async def content(self, chat_id: str, message_id: str) -> str:
        """Return the text of a message (part of `ChatStore`)."""
        if not is_message_id(message_id):
            return ""
        found = (await message_queries.some(chat_id, [message_id])).get(message_id)
        return read_message(found.body).text if found else ""

    async def record_reply(
        self, chat_id: str, message_id: str, fields: Mapping[str, Any], *, create: bool = True
    ) -> None:
        """Store a reply (part of `ChatStore`). Concurrent writes to other messages of the chat are kept."""

        def change(parts: Mapping[str, str]) -> dict[str, Any]:
            return {
                key: value
                for key, value in fields.items()
                if key != "parentId" and (value is not None or key in parts)
            }

        new = None
        if create and is_message_id(message_id):
            new = NewMessage(role="assistant", parent_id=fields.get("parentId"))
        try:
            async with transaction():
                locked = await chat_queries.lock(chat_id, now(), EVERY_ROW)
                if locked is None or not await update_message(locked, message_id, change, "", new):
                    raise RollBack  # so that the chat is not marked as changed
                self._access.publish_change(chat_id, locked["user_id"], "updated")
        except RollBack:
            return

    def _publish(
        self, locked: dict[str, Any], message_id: str, kind: str, data: msgspec.Raw
    ) -> None:
        event = MessageEvent(locked["id"], message_id, locked["user_id"], kind, data)
        after_commit(lambda: self._app.events.publish(event))


def _check(message_id: str, is_valid: Callable[[str], bool] = is_text) -> None:
    """An existing message may have an id that is longer than allowed today."""
    if not is_valid(message_id):
        raise InvalidRequest(ID_RULE)


async def _exists(chat_id: str, message_id: str) -> bool:
    return is_message_id(message_id) and bool(await message_queries.some(chat_id, [message_id]))
