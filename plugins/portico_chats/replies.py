"""One message at a time: what people, models and plugins write into a chat.

What it costs does not depend on how long the conversation is.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from portico.api import (
    Actor,
    House,
    Invalid,
    MessageEvent,
    NotFound,
    after_commit,
    now,
    transaction,
)
from portico_chats.content.documents import is_message_id, is_text
from portico_chats.content.effects import effect_of, makes_message
from portico_chats.reach import Reach, is_storable
from portico_chats.schemas import MessageForm
from portico_chats.storage import message_rows, store
from portico_chats.storage.single_message import ID_RULE, NewMessage, note


class _Unwritten(Exception):
    """There is nothing to write: the transaction is undone, so that the chat is not even marked as changed."""


class Replies:
    """Single messages of chats. What is not the caller's raises NotFound, see `Reach`."""

    def __init__(self, app: House) -> None:
        self._app = app
        self._reach = Reach(app)

    async def write(self, actor: Actor, chat_id: str, message_id: str, form: MessageForm) -> None:
        """Write the content of a message, made whole if it is not there; it becomes the current one.

        Raises: Forbidden for somebody who may not edit; Invalid for an id that no message may have, and for a parent
        that is not there; NotFound for a message that was deleted.
        """
        await self._reach.permits(actor, "chat.edit")
        _check(message_id)
        content, parent_id = form.content, form.parentId or None
        new = NewMessage(role=form.role, parent_id=parent_id, is_done=True)
        async with transaction():
            taken = await self._reach.take(actor, "write", chat_id)
            if parent_id is not None and not await _is_there(chat_id, parent_id):
                raise Invalid("parentId: there is no such message in this chat.")
            if not await note(
                taken, message_id, lambda _: {"content": content}, actor.session_id, new
            ):
                raise NotFound
            self._reach.announce(chat_id, taken["user_id"], "updated")
            said = msgspec.Raw(msgspec.json.encode({"content": content}))
            self._tell(taken, message_id, "chat:message", said)

    async def relay(
        self, actor: Actor, chat_id: str, message_id: str, kind: str, data: msgspec.Raw
    ) -> bool:
        """Tell whoever watches what happens to a message, and write into it what is to stay of that (see `effects`).

        Returns False, and tells nobody, if the message was deleted.
        """
        _check(message_id)
        effect = effect_of(kind, data)
        new = NewMessage(role="assistant") if makes_message(kind) else None
        taken: dict[str, Any] = {}
        try:
            async with transaction():
                taken = await self._reach.take(actor, "write", chat_id)
                if effect is None or not await note(
                    taken, message_id, effect, actor.session_id, new
                ):
                    raise _Unwritten
                self._reach.announce(chat_id, taken["user_id"], "updated")
                self._tell(taken, message_id, kind, data)
        except _Unwritten:
            _check(message_id, is_message_id)
            if await message_rows.was_deleted(chat_id, message_id):
                return False
            self._tell(taken, message_id, kind, data)
        return True

    async def may_write(self, actor: Actor, chat_id: str) -> bool:
        """Whether there is such a chat and the caller may have a model answer in it."""
        where = await self._reach.where(actor, "write", first=store.FIND_FIRST)
        return is_storable(chat_id) and await store.is_there(chat_id, where)

    async def note_reply(
        self, chat_id: str, message_id: str, fields: Mapping[str, Any], *, create: bool = True
    ) -> None:
        """Part of `Conversations`. The rest of the chat stays, whatever is written to it at the same time."""
        told = {key: value for key, value in fields.items() if key != "parentId"}
        new = None
        if create and is_message_id(message_id):
            new = NewMessage(role="assistant", parent_id=fields.get("parentId"))
        try:
            async with transaction():
                taken = await store.take(chat_id, now(), store.ANY)
                if taken is None or not await note(taken, message_id, lambda _: told, "", new):
                    raise _Unwritten
                self._reach.announce(chat_id, taken["user_id"], "updated")
        except _Unwritten:
            return

    def _tell(self, taken: dict[str, Any], message_id: str, kind: str, data: msgspec.Raw) -> None:
        event = MessageEvent(taken["id"], message_id, taken["user_id"], kind, data)
        after_commit(lambda: self._app.events.publish(event))


def _check(message_id: str, is_fit: Callable[[str], bool] = is_text) -> None:
    """A longer id than is made today may be that of a message that is there."""
    if not is_fit(message_id):
        raise Invalid(ID_RULE)


async def _is_there(chat_id: str, message_id: str) -> bool:
    return is_message_id(message_id) and bool(await message_rows.some(chat_id, [message_id]))
