"""Chats as they were a moment ago, for whoever asks again.

A chat says which revision it is of, so what is remembered is never out of date: it is good for that revision or for
none. Bounded by what it weighs; chats that are in use are in here, the others are in the database.
"""

import sys
from collections import OrderedDict
from typing import Final

import msgspec

from portico_chats.content.chat_document import ChatDocument
from portico_chats.storage.writer import WrittenChat

#: Bytes of text that are kept, of documents and of messages.
MAX_BYTES: Final = 32 * 1024 * 1024
#: Chats that are kept, however short, and messages of those that were written: each is an object besides its text.
MAX_CHATS: Final = 4000
MAX_MESSAGES: Final = 50_000
_NO_TEXT: Final = sys.getsizeof("")


class CachedChat(msgspec.Struct, frozen=True):
    """A chat of a revision: its document. `apart`, `sent`: as it was written, of what; None = it was only read."""

    revision: int
    document: str
    written: WrittenChat | None = None
    request: ChatDocument | None = None

    @property
    def weight(self) -> int:
        """Bytes, one to four for a character; what was written is there three times."""
        text = sys.getsizeof(self.document) - _NO_TEXT
        return text * (1 if self.written is None else 3)

    @property
    def messages(self) -> int:
        """How many messages are held apart."""
        return 0 if self.written is None else len(self.written.bodies)


class ChatCache:
    """Chats by id, those used last."""

    def __init__(self, room: int = MAX_BYTES) -> None:
        self._room = room
        self._held = 0
        self._messages = 0
        self._known: OrderedDict[str, CachedChat] = OrderedDict()

    def __contains__(self, chat_id: str) -> bool:
        """Whether some revision of a chat is remembered."""
        return chat_id in self._known

    def latest(self, chat_id: str) -> CachedChat | None:
        """A chat as it was when it was read or written last, here."""
        return self._known.get(chat_id)

    def get(self, chat_id: str, revision: int) -> CachedChat | None:
        """A chat as it is in a revision, if that is what is remembered."""
        found = self._known.get(chat_id)
        if found is None or found.revision != revision:
            return None
        self._known.move_to_end(chat_id)
        return found

    def keep(self, chat_id: str, chat: CachedChat) -> None:
        """Remember a chat as it is stored, in the place of what was; forget those used longest ago."""
        self.forget(chat_id)
        self._known[chat_id] = chat
        self._held += chat.weight
        self._messages += chat.messages
        while (
            self._held > self._room or self._messages > MAX_MESSAGES or len(self._known) > MAX_CHATS
        ):
            self.forget(next(iter(self._known)))

    def forget(self, chat_id: str) -> None:
        """Let go of a chat."""
        if (known := self._known.pop(chat_id, None)) is not None:
            self._held -= known.weight
            self._messages -= known.messages
