"""Requests and responses. Times are epoch seconds; the chat document is never decoded as a whole."""

from typing import Annotated, Literal

import msgspec

from portico.api.interfaces import FolderPath

#: JSON values in a chat. None of them is decoded: 100,000 messages have about a million values.
MAX_CHAT_VALUES = 4_000_000


class ChatForm(msgspec.Struct, kw_only=True):
    """A chat as a client writes it. Owner, id and times cannot be set by the client.

    `chat`: the top-level keys of the document. The body was checked and sanitized when it was read.
    """

    chat: dict[str, msgspec.Raw]
    folder_id: str | None = None


class Chat(msgspec.Struct, kw_only=True):
    """A chat as its owner reads it."""

    id: str
    user_id: str
    title: str
    chat: msgspec.Raw
    updated_at: int
    created_at: int
    share_id: str | None
    archived: bool
    pinned: bool
    meta: msgspec.Raw
    folder_id: str | None


class ExportedChat(Chat, kw_only=True):
    """A chat in an export file, with the name of its folder for servers that do not know the folder's id."""

    folder: FolderPath | msgspec.UnsetType = msgspec.UNSET


class ListedChat(msgspec.Struct):
    """An item of the list."""

    id: str
    title: str
    updated_at: int
    created_at: int


class MessageForm(msgspec.Struct):
    """The content of a message as a user writes it.

    For a new message: `role`, by default `assistant` below a user's message, else `user`; `parentId`, by default
    the current message of the chat.
    """

    content: str
    role: Literal["user", "assistant"] | None = None
    parentId: str | None = None  # noqa: N815 - the client's word


class EventForm(msgspec.Struct):
    """An event of a message. `data`: an object."""

    type: str
    data: dict[str, msgspec.Raw]


class ChatTag(msgspec.Struct):
    """A tag. `name`: in its owner's first spelling. `meta`: always null."""

    id: str
    name: str
    user_id: str
    meta: None = None


class TagForm(msgspec.Struct):
    """A tag as a client names it; case and spaces do not distinguish tags."""

    name: str


#: The largest number that a database can count to.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class TagFilter(msgspec.Struct):
    """Selects the chats with one tag."""

    name: str
    skip: _Count = 0
    limit: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 50


class FolderIdForm(msgspec.Struct):
    """The folder to move a chat to; null = no folder."""

    folder_id: str | None = None


class FolderChat(msgspec.Struct):
    """An item of the list of one folder."""

    title: str
    id: str
    updated_at: int


class CloneForm(msgspec.Struct):
    """The title of a copy; null or empty = `Clone of …`."""

    title: str | None = None
