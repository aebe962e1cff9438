"""What goes over the wire. Times are epoch seconds; the chat document stays JSON from end to end."""

from typing import Annotated, Literal

import msgspec

from portico.api import FolderPath

#: JSON values in a chat. None of them is decoded: 100,000 messages are about a million.
MAX_CHAT_VALUES = 4_000_000


class ChatForm(msgspec.Struct, kw_only=True):
    """A chat as a client writes it. Whose it is, its id and its times are not the client's to say.

    `chat`: the top-level keys of the document. The body was checked and mended when it was read.
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
    """A chat in a file: also the folder that it lies in, by name, for servers that do not know its id."""

    folder: FolderPath | msgspec.UnsetType = msgspec.UNSET


class ListedChat(msgspec.Struct):
    """An item of the list."""

    id: str
    title: str
    updated_at: int
    created_at: int


class MessageForm(msgspec.Struct):
    """The content of a message as a user writes it.

    If there is no such message yet: `role`, by default `assistant` below a user's message, else `user`; `parentId`, by
    default the current message of the chat.
    """

    content: str
    role: Literal["user", "assistant"] | None = None
    parentId: str | None = None  # noqa: N815 - the client's word


class EventForm(msgspec.Struct):
    """Something that happens to a message. `data`: an object."""

    type: str
    data: dict[str, msgspec.Raw]


class ChatTag(msgspec.Struct):
    """A tag. `name`: as its owner spelled it first. `meta`: always null."""

    id: str
    name: str
    user_id: str
    meta: None = None


class TagForm(msgspec.Struct):
    """A tag as a client calls it; case and blanks do not tell two apart."""

    name: str


#: As far as a database counts.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class CarriersForm(msgspec.Struct):
    """Which chats that carry a tag to list."""

    name: str
    skip: _Count = 0
    limit: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 50


class FolderIdForm(msgspec.Struct):
    """Where a chat is to lie; null = in no folder."""

    folder_id: str | None = None


class FiledChat(msgspec.Struct):
    """An item of the list of one folder."""

    title: str
    id: str
    updated_at: int


class CloneForm(msgspec.Struct):
    """What a copy is to be called; null or empty = `Clone of …`."""

    title: str | None = None
