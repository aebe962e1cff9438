"""A document without its messages, and the offsets where they are inserted.

The text of a skeleton is itself JSON without messages; the offsets are counted in characters. So a chat is rendered
by cutting and joining, without parsing.
"""

from collections.abc import Mapping
from json.encoder import encode_basestring as quoted

import msgspec

from portico.api import InvalidRequest
from portico_chats.content.chat_document import (
    PLACEHOLDER,
    ChatDocument,
    Parts,
    parse_document,
    split_object,
)


class ChatSkeleton(msgspec.Struct, frozen=True):
    """What is left of a document.

    `messages_offset`, `branch_offset`: where the messages of the history and those of the top level are inserted,
    in characters; None = nothing is inserted: the key is missing or null, or the top-level messages differ from the
    visible branch of the history and are part of the text. `current_id`: `history.currentId`.
    """

    text: str
    messages_offset: int | None = None
    branch_offset: int | None = None
    current_id: str | None = None

    def render(self, messages: str, branch: str = "") -> str:
        """Return the document. `messages`, `branch`: the text between the brackets."""
        places = [(self.messages_offset, messages), (self.branch_offset, branch)]
        pieces: list[str] = []
        done = 0
        for at, filling in sorted((at, filling) for at, filling in places if at is not None):
            pieces += (self.text[done:at], filling)
            done = at
        return "".join((*pieces, self.text[done:]))

    def document(self) -> ChatDocument:
        """Split it again, with placeholders at the offsets. A document in one piece, see `messages_inside`, stays so.

        Raises: InvalidRequest if the text is not a JSON object.
        """
        if self.messages_inside() is not None:
            try:
                return ChatDocument(split_object(self.text))
            except msgspec.MsgspecError:
                raise InvalidRequest(
                    "The stored document of this chat is not a JSON object."
                ) from None
        document = parse_document(self.text)
        if self.branch_offset is not None:
            document.parts["messages"] = PLACEHOLDER
        return document

    def messages_inside(self) -> Mapping[str, str] | None:
        """Return the messages of a document in one piece: they are in its text. None for any other document.

        Earlier releases accepted documents of other shapes, such as ids that are too long for a row. Empty if the
        messages cannot be read.
        """
        if self.messages_offset is not None:
            return None
        try:
            return parse_document(self.text).messages or None
        except msgspec.MsgspecError:
            return {}


def skeleton_of(document: ChatDocument) -> ChatSkeleton:
    """Return the skeleton of a split document: every placeholder becomes an offset."""
    # A list, not a text that grows: a part of megabytes is copied once.
    pieces, length, messages_at, branch_at = ["{"], 1, None, None
    for number, (key, value) in enumerate(document.parts.items()):
        prefix = _key_prefix(key, is_first=not number)
        length += len(prefix)
        if value != PLACEHOLDER:
            text = value
        elif key == "history":
            text, place = _history(document.history or {})
            messages_at = None if place is None else length + place
        else:
            text = "[]"
            branch_at = length + 1
        pieces += (prefix, text)
        length += len(text)
    pieces.append("}")
    return ChatSkeleton("".join(pieces), messages_at, branch_at, document.current_id)


def _history(parts: Parts) -> tuple[str, int | None]:
    text, place = "{", None
    for number, (key, value) in enumerate(parts.items()):
        text += _key_prefix(key, is_first=not number)
        text += value or "{}"
        if value == PLACEHOLDER:
            place = len(text) - 1
    return text + "}", place


def _key_prefix(key: str, *, is_first: bool) -> str:
    return f"{'' if is_first else ','}{quoted(key)}:"
