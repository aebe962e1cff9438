"""One message at a time: what people, models and plugins write into a chat.

What it costs does not depend on how long the conversation is.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.api import Actor, House, Invalid, MessageEvent, after_commit, now, transaction
from portico_chats.content.documents import is_message_id
from portico_chats.content.effects import effect_of, makes_message
from portico_chats.reach import Reach, is_storable
from portico_chats.storage import store
from portico_chats.storage.writing import note


class Replies:
    """Single messages of chats. What is not the caller's raises NotFound, see `Reach`."""

    def __init__(self, app: House) -> None:
        self._app = app
        self._reach = Reach(app)

    async def write(self, actor: Actor, chat_id: str, message_id: str, content: str) -> None:
        """Write the content of a message, made if it is not there; it becomes the current one.

        Raises: Forbidden for somebody who may not edit; Invalid for an id that no message may have.
        """
        await self._reach.permits(actor, "chat.edit")
        _check(message_id)
        async with transaction():
            taken = await self._reach.take(actor, "write", chat_id)
            await note(taken, message_id, lambda _: {"content": content}, actor.session_id)
            self._reach.announce(chat_id, taken["user_id"], "updated")
            said = msgspec.Raw(msgspec.json.encode({"content": content}))
            self._tell(taken, message_id, "chat:message", said)

    async def relay(
        self, actor: Actor, chat_id: str, message_id: str, kind: str, data: msgspec.Raw
    ) -> None:
        """Tell whoever watches what happens to a message, and write into it what is to stay of that (see `effects`)."""
        _check(message_id)
        effect = effect_of(kind, data)
        async with transaction():
            taken = await self._reach.take(actor, "write", chat_id)
            if effect is not None:
                make = makes_message(kind)
                await note(taken, message_id, effect, actor.session_id, make=make)
                self._reach.announce(chat_id, taken["user_id"], "updated")
            self._tell(taken, message_id, kind, data)

    async def may_write(self, actor: Actor, chat_id: str) -> bool:
        """Whether there is such a chat and the caller may have a model answer in it."""
        where = await self._reach.where(actor, "write", first=store.FIND_FIRST)
        return is_storable(chat_id) and await store.is_there(chat_id, where)

    async def note_reply(self, chat_id: str, message_id: str, fields: Mapping[str, Any]) -> None:
        """Lay fields over one message and make it the current one. A chat that is gone is left alone.

        The rest of the chat stays, whoever writes to it at the same time.
        """
        async with transaction():
            taken = await store.take(chat_id, now(), store.ANY)
            if taken is not None:
                await note(taken, message_id, lambda _: fields, origin="")
                self._reach.announce(chat_id, taken["user_id"], "updated")

    def _tell(self, taken: dict[str, Any], message_id: str, kind: str, data: msgspec.Raw) -> None:
        event = MessageEvent(taken["id"], message_id, taken["user_id"], kind, data)
        after_commit(lambda: self._app.events.publish(event))


def _check(message_id: str) -> None:
    if not is_message_id(message_id):
        raise Invalid("A message's id is at most 255 characters long, all of them whole.")
