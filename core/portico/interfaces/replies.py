"""Replies in the making, and the events about them."""

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from portico.interfaces.chats import ChatMessage


class RunningReplies(Protocol):
    """Replies in the making, as the store of chats needs them.

    A service of the plugin that generates them. Without one, no stored message is incomplete.
    """

    async def texts(self, chat_id: str) -> Mapping[str, str]:
        """Return the texts so far of the messages of a chat that are being generated, by message id."""
        ...


class ReplyStarted(msgspec.Struct, frozen=True):
    """A reply is being generated. `id`: its task. `user_id`: the account that asked for it."""

    id: str
    chat_id: str
    message_id: str
    user_id: str


class ReplyDelta(msgspec.Struct, frozen=True):
    """New text of a reply in the making, at most twenty times a second. Reasoning is left out."""

    id: str
    chat_id: str
    message_id: str
    user_id: str
    text: str


class BackgroundTasks(msgspec.Struct, frozen=True):
    """What a client wants to have generated after a reply; None = it says nothing.

    `title_generation` False: the title is the text of the first message.
    """

    title_generation: bool | None = None
    tags_generation: bool | None = None
    follow_up_generation: bool | None = None


class ReplyFinishing(msgspec.Struct, frozen=True):
    """A reply that was sent in events is complete. Published inside the transaction that stores it.

    Of a chat that is not stored, only if its client wants more to be generated. `title`: of the chat when the reply
    began; empty if the client says nothing about the title. `messages`: the conversation with the reply, of a chat that
    is not stored; None = the chat is stored.
    """

    id: str
    chat_id: str
    message_id: str
    user_id: str
    model: str
    wanted: BackgroundTasks
    title: str
    messages: "tuple[ChatMessage, ...] | None"


class ReplyEnded(msgspec.Struct, frozen=True):
    """A reply ended and was stored. `content`: the text of its message. `reason`: why it was not finished; else empty."""

    id: str
    chat_id: str
    message_id: str
    user_id: str
    outcome: Literal["finished", "stopped", "interrupted", "failed"]
    content: str
    reason: str = ""
