"""The document of a chat, as the API of its version answers it."""

from typing import Any, Final

import msgspec

from portico_openwebui.kinds.message_rows import ChatMessages
from portico_openwebui.values import BadValueError, Row, json_bytes, json_object, text

#: A document with at least one message begins like this somewhere; it is looked for before anything is decoded.
_MESSAGE_MARK: Final = b'"parentId"'
_MESSAGES_MARK: Final = b'"role"'


class _StoredHistory(msgspec.Struct):
    messages: dict[str, msgspec.Raw] | None = None


class _StoredDocument(msgspec.Struct):
    history: _StoredHistory | None = None
    messages: list[msgspec.Raw] | None = None


_DOCUMENT: Final = msgspec.json.Decoder(_StoredDocument)


def has_messages(row: Row) -> bool:
    """Return whether the document of a chat has messages, so that its rows of messages are not needed."""
    value = row.get("chat")
    found = value.encode("utf-8", "replace") if isinstance(value, str) else value
    if not isinstance(found, bytes):
        return False
    if _MESSAGE_MARK not in found and _MESSAGES_MARK not in found:
        return False
    try:
        document = _DOCUMENT.decode(found)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return bool((document.history and document.history.messages) or document.messages)


def read_document(row: Row, title: str | None, messages: ChatMessages | None) -> msgspec.Raw:
    """Return the document of a chat.

    All versions answer the stored document. Rows of messages are written beside it, and kept when a message is deleted from it: they
    are read only for a document that has no messages at all, or that cannot be read. Raises: BadValueError without either.
    """
    try:
        found = json_bytes(row.get("chat"), "chat")
    except BadValueError:
        if messages is None:
            raise
        found = None
    if found is not None and not found.lstrip().startswith(b"{"):
        found = _inner(found)
    if messages is None:
        if found is None:
            raise BadValueError("the column chat is empty")
        return msgspec.Raw(found)
    document = {} if found is None else _without_history(found)
    document.setdefault("title", title or "")
    current = text(row.get("current_message_id"))
    document["history"] = messages.history(current)
    return msgspec.Raw(msgspec.json.encode(document))


def _inner(found: bytes) -> bytes:
    """Return the document in a JSON text, as a column that was encoded twice has it."""
    inner = json_object(found, "chat")
    if inner is None:
        raise BadValueError("the column chat is empty")
    return msgspec.json.encode(inner)


def _without_history(found: bytes) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(found, type=dict[str, msgspec.Raw])
    document.pop("history", None)
    return document
