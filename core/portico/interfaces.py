"""Protocols and events that several plugins share: stored chats, replies in the making, calls of models, prices."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

from portico.catalogue import ResolvedModel, SourceResponse
from portico.gateway import TokenUsage
from portico.identity import Actor

#: Amounts of money are whole millionths of the currency, so that sums are exact.
MICROS_PER_UNIT: Final = 1_000_000
_TOKENS_PER_PRICE: Final = 1_000_000


class ChatStore(Protocol):
    """Stored chats, as completions need them.

    A service of the plugin that stores chats. Without one, chat ids in completion requests are ignored.
    """

    async def may_write(self, actor: Actor, chat_id: str) -> bool:
        """Return whether the actor may store a reply in this chat. False also if there is no such chat."""
        ...

    async def title(self, chat_id: str) -> str:
        """Return the title of a chat; empty if there is no such chat."""
        ...

    async def content(self, chat_id: str, message_id: str) -> str:
        """Return the text of a message; empty if there is no such message."""
        ...

    async def record_reply(
        self, chat_id: str, message_id: str, fields: Mapping[str, Any], *, create: bool = True
    ) -> None:
        """Merge fields into a message of a chat and make it the current message. Call `may_write` first.

        If `create`, a missing message is created with id, role, parent, children and content: below `parentId`, else
        below the current message. An existing message keeps its parent. Does nothing if the chat or the message was
        deleted in the meantime.

        Shape of `fields`: those of a message, such as `parentId`, `model`, `content`, `done`, and `error: {"content": …}`
        if there was no reply or it was interrupted. None: only replaces a value that is there.
        """
        ...


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
    began; empty if the client says nothing about the title. `messages`: the conversation with the reply, of a chat that is not stored;
    None = the chat is stored.
    """

    id: str
    chat_id: str
    message_id: str
    user_id: str
    model: str
    wanted: BackgroundTasks
    title: str
    messages: "tuple[ChatMessage, ...] | None"


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of a conversation. `role`: `user`, `assistant` or `system`."""

    role: str
    text: str


class ChatBranch(msgspec.Struct, frozen=True):
    """The messages from the first of a chat to a given one.

    `length`: how many there are. `first_text`: text of the first. `messages`: the last ones, in order.
    """

    length: int
    first_text: str
    messages: Sequence[ChatMessage]


class ChatAnnotations(Protocol):
    """What a model writes about stored chats: titles, tags, follow-up questions.

    A service of the plugin that stores chats. It checks no access: the account that asked for the reply
    could write the chat. The methods that write need an open transaction, and do nothing if the chat or the message was deleted.
    """

    async def branch(self, chat_id: str, message_id: str, limit: int) -> ChatBranch | None:
        """Return the branch of a message with its last `limit` messages; None if there is no such message."""
        ...

    async def title(self, chat_id: str) -> str:
        """Return the title of a chat; empty if there is no such chat."""
        ...

    async def set_title(self, chat_id: str, title: str, *, instead_of: str) -> bool:
        """Set the title of a chat, unless it is another one than `instead_of`. Return whether it was set."""
        ...

    async def set_tags(self, chat_id: str, names: Sequence[str]) -> list[str]:
        """Replace the tags of a chat by those of the names that are valid. Return these; empty = nothing was changed."""
        ...

    async def set_follow_ups(self, chat_id: str, message_id: str, questions: Sequence[str]) -> bool:
        """Store follow-up questions with a message. Return whether it exists. The current message stays the same."""
        ...


class ReplyModels(msgspec.Struct, frozen=True):
    """Which models a stored reply is of.

    `model_ids`: the model that was asked, and the one that it has picked, if it is an arena model; empty if the message names
    none. `sibling_ids`: those of the other replies to the same prompt.
    """

    model_ids: Sequence[str]
    sibling_ids: Collection[str]


class ReplyLookup(Protocol):
    """Which replies there are in stored chats, as ratings of them need it.

    A service of the plugin that stores chats. Without one, no reply can be rated.
    """

    async def find(self, owner_id: str, chat_id: str, message_id: str) -> ReplyModels | None:
        """Return the models of a reply; None if it is no reply, or not in a chat of this account."""
        ...


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt for a model. `messages`: as in a completion request; `body`: more of its keys, such as `max_tokens`."""

    target: ResolvedModel
    messages: Sequence[Mapping[str, Any]]
    body: Mapping[str, Any] = {}
    stream: bool = False
    chat_id: str | None = None


class ModelRecord(msgspec.Struct, frozen=True):
    """What a call gets from the record of its model, and from what its client may set.

    `system`: the whole system prompt, with placeholders filled; empty = none. `params`: as in `SourceRequest`.
    """

    system: str
    params: Mapping[str, Any]


class ModelCaller(Protocol):
    """Calls models with prompts of the server, such as one that asks for the title of a chat, and helps endpoints do so.

    A service of the plugin that completes chats.
    """

    async def apply_record(
        self,
        actor: Actor,
        target: ResolvedModel,
        system: str,
        messages: Callable[[], Sequence[msgspec.Raw]],
    ) -> ModelRecord:
        """Return what an endpoint adds to a client's call before it sends it, so that presets work alike on all endpoints.

        `system`: the client's own system prompt, which is left out if the actor may not set one. `messages`: returns the
        conversation as messages of chat completions, if a placeholder needs them.
        """
        ...

    async def call(self, actor: Actor, call: ModelCall) -> SourceResponse:
        """Return the model's response, with the parameters and the system prompt of its record.

        Does not check access: `Catalogue.resolve` has. Close the body of a stream. Raises: all errors of the source.
        """
        ...


class ModelPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The price of a model. Units: millionths of the currency for a million tokens.

    `cached`: of those input tokens that the provider had cached.
    """

    input: int
    output: int
    cached: int

    def cost(self, usage: TokenUsage) -> int:
        """Return what a call costs, in millionths of the currency, rounded."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        total = (
            (usage.input_tokens - cached) * self.input
            + cached * self.cached
            + usage.output_tokens * self.output
        )
        return (total + _TOKENS_PER_PRICE // 2) // _TOKENS_PER_PRICE


class ApiKeyLookup(Protocol):
    """Which API keys there are.

    A service of the plugin that stores API keys. Without one there are none.
    """

    async def owner_of(self, key_id: str) -> str | None:
        """Return the id of the account whose key this is; None if there is no such key."""
        ...

    async def ids_of(self, account_id: str) -> Sequence[str]:
        """Return the ids of the keys of an account."""
        ...


class Prices(Protocol):
    """What calls of models cost.

    A service of the plugin that accounts for usage. Without one, no model has a price.
    """

    async def currency(self) -> str:
        """Return the currency of all amounts, such as `USD`. Nothing is converted."""
        ...

    async def price(self, target: ResolvedModel) -> ModelPrice | None:
        """Return the price of a model now, of a preset that has none that of its base model; None = there is none."""
        ...


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


class ReplyEnded(msgspec.Struct, frozen=True):
    """A reply ended and was stored. `content`: the text of its message. `reason`: why it was not finished; else empty."""

    id: str
    chat_id: str
    message_id: str
    user_id: str
    outcome: Literal["finished", "stopped", "interrupted", "failed"]
    content: str
    reason: str = ""


class ChatChanged(msgspec.Struct, frozen=True):
    """A chat was created, updated or deleted. Published after the commit. `user_id`: its owner."""

    id: str
    user_id: str
    change: Literal["created", "updated", "deleted"]


class MessageEvent(msgspec.Struct, frozen=True):
    """An event about a message that is being generated, for clients that display it. Published after the commit.

    `type`, `data`: as in the socket events of the API, such as `status` or `message`. `user_id`: owner of the chat.
    """

    chat_id: str
    message_id: str
    user_id: str
    type: str
    data: msgspec.Raw


#: In place of an account id: this prefix and the id of a shared chat stand for the account that shares it.
SHARED_ACCOUNT_PREFIX: Final = "shared-"


class SharedChats(Protocol):
    """Shared chats, as routes that show accounts need them.

    A service of the plugin that shares chats. Without one, nothing is shared.
    """

    async def owner_of(self, share_id: str) -> str | None:
        """Return the id of the account that shares this; None if the share does not exist, or no longer."""
        ...


class BrowserPictures(Protocol):
    """The pictures that browsers get below the address of this server, for routes that answer with the same ones.

    A service of the plugin that serves the web client. Without one there are none.
    """

    async def read(self, path: str) -> bytes | None:
        """Return the picture at a path such as `static/favicon.png`; None if there is none."""
        ...


class ChatMentions(Protocol):
    """Which chats contain a text, such as the id of a file.

    A service of the plugin that stores chats. Without one, no chat does.
    """

    async def is_mentioned(self, account_id: str, text: str) -> bool:
        """Return whether a chat of the account, or its shared copy, contains this text. Reads all of them."""
        ...
