"""Stored chats, as other plugins need them, and the events about them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

from portico.identity import Actor

#: What the id of a temporary chat begins with: it exists in the browser only and is never stored.
TEMPORARY_CHAT_PREFIX: Final = "local:"
#: In place of an account id: this prefix and the id of a shared chat stand for the account that shares it.
SHARED_ACCOUNT_PREFIX: Final = "shared-"


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


class WritableChat(msgspec.Struct, frozen=True):
    """A stored chat in which a model may answer. `folder_id`: the folder of `owner_id` that it is in; None = in none."""

    owner_id: str
    folder_id: str | None


class ChatStore(Protocol):
    """Stored chats, as completions need them.

    A service of the plugin that stores chats. Without one, chat ids in completion requests are ignored.
    """

    async def find_writable(self, actor: Actor, chat_id: str) -> WritableChat | None:
        """Return the chat, if the actor may store a reply in it; None also if there is no such chat."""
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
        """Merge fields into a message of a chat and make it the current message. Call `find_writable` first.

        If `create`, a missing message is created with id, role, parent, children and content: below `parentId`, else
        below the current message. An existing message keeps its parent. Does nothing if the chat or the message was
        deleted in the meantime.

        Shape of `fields`: those of a message, such as `parentId`, `model`, `content`, `done`, and `error: {"content": …}`
        if there was no reply or it was interrupted. None: only replaces a value that is there.
        """
        ...


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


class ChatMentions(Protocol):
    """Which chats contain a text, such as the id of a file.

    A service of the plugin that stores chats. Without one, no chat does.
    """

    async def is_mentioned(self, account_id: str, text: str) -> bool:
        """Return whether a chat of the account, or its shared copy, contains this text. Reads all of them."""
        ...


class SharedChats(Protocol):
    """Shared chats, as routes that show accounts need them.

    A service of the plugin that shares chats. Without one, nothing is shared.
    """

    async def owner_of(self, share_id: str) -> str | None:
        """Return the id of the account that shares this; None if the share does not exist, or no longer."""
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
