"""What goes over the wire. Times are epoch seconds; the chat document stays JSON from end to end."""

import msgspec


class ChatForm(msgspec.Struct, kw_only=True):
    """A chat as a client writes it. Whose it is, its id and its times are not the client's to say."""

    chat: msgspec.Raw
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


class ListedChat(msgspec.Struct):
    """An item of the list."""

    id: str
    title: str
    updated_at: int
    created_at: int


class MessageForm(msgspec.Struct):
    """The content of a message as somebody writes it."""

    content: str


class EventForm(msgspec.Struct):
    """Something that happens to a message. `data`: an object."""

    type: str
    data: dict[str, msgspec.Raw]
