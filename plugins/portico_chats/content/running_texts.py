"""Messages that are being generated: their stored text is behind, so it is replaced when a chat is read."""

from collections.abc import Mapping

import msgspec

from portico_chats.content.chat_document import join_object, parse_document
from portico_chats.content.message_body import with_fields


class _Message(msgspec.Struct):
    id: str = ""


def with_texts(document: str, texts: Mapping[str, str]) -> str:
    """Return a document in which messages have other texts, by id; in the history and in the top-level list."""
    try:
        split = parse_document(document)
    except msgspec.MsgspecError:  # an old document of another shape
        return document
    messages = split.messages or {}
    changed = {
        one: with_fields(messages[one], {"content": text})
        for one, text in texts.items()
        if one in messages
    }
    if not changed:
        return document
    history = (split.history or {}) | {"messages": join_object(dict(messages) | changed)}
    parts = split.parts | {"history": join_object(history)}
    if split.branch is not None:
        parts["messages"] = f"[{','.join(changed.get(_id(one), one) for one in split.branch)}]"
    return join_object(parts)


def _id(message: str) -> str:
    try:
        return msgspec.json.decode(message, type=_Message).id
    except msgspec.ValidationError:
        return ""
