"""Cache of whole chats.

Each entry belongs to one revision of a chat, so an entry is never stale: it matches the current revision or it is
not used. Limited by the bytes of its entries; the least recently used ones are dropped.
"""

import sys
from collections import OrderedDict
from typing import Final

import msgspec

from portico_chats.content.chat_content import ChatContent
from portico_chats.content.chat_document import ChatDocument

#: Bytes of text in the cache, of documents and of messages.
MAX_BYTES: Final = 32 * 1024 * 1024
#: Chats in the cache, however short, and messages of those that were written: each is an object besides its text.
MAX_CHATS: Final = 4000
MAX_MESSAGES: Final = 50_000
_NO_TEXT: Final = sys.getsizeof("")


class CachedChat(msgspec.Struct, frozen=True):
    """One revision of a chat: its document.

    `content`, `request`: the content that was written, and the request it came from; None = it was only read.
    """

    revision: int
    document: str
    content: ChatContent | None = None
    request: ChatDocument | None = None

    @property
    def weight(self) -> int:
        """Return its size in bytes, one to four per character; a written chat is held three times."""
        text = sys.getsizeof(self.document) - _NO_TEXT
        return text * (1 if self.content is None else 3)

    @property
    def messages(self) -> int:
        """Return how many messages are held as objects."""
        return 0 if self.content is None else len(self.content.bodies)


class ChatCache:
    """Most recently used chats by id."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._messages = 0
        self._entries: OrderedDict[str, CachedChat] = OrderedDict()

    def __contains__(self, chat_id: str) -> bool:
        """Return whether any revision of a chat is in the cache."""
        return chat_id in self._entries

    def latest(self, chat_id: str) -> CachedChat | None:
        """Return a chat as this process last read or wrote it."""
        return self._entries.get(chat_id)

    def get(self, chat_id: str, revision: int) -> CachedChat | None:
        """Return a chat of this revision, if it is in the cache."""
        found = self._entries.get(chat_id)
        if found is None or found.revision != revision:
            return None
        self._entries.move_to_end(chat_id)
        return found

    def store(self, chat_id: str, chat: CachedChat) -> None:
        """Store a chat in place of its previous revision; drop the least recently used ones."""
        self.forget(chat_id)
        self._entries[chat_id] = chat
        self._bytes += chat.weight
        self._messages += chat.messages
        while (
            self._bytes > self._max_bytes
            or self._messages > MAX_MESSAGES
            or len(self._entries) > MAX_CHATS
        ):
            self.forget(next(iter(self._entries)))

    def forget(self, chat_id: str) -> None:
        """Remove a chat from the cache."""
        if (known := self._entries.pop(chat_id, None)) is not None:
            self._bytes -= known.weight
            self._messages -= known.messages
