"""The content of a snapshot: the conversation, without private data of the chat's owner."""

from typing import Final

import msgspec

from portico.api import InvalidRequest
from portico.api.interfaces import SHARED_ACCOUNT_PREFIX
from portico_chats.content.chat_document import (
    ChatDocument,
    Parts,
    join_object,
    parse_document,
    split_object,
)

#: Keys of the document that are private to its owner: instructions, uploads, the original of a copy.
_PRIVATE: Final = ("system", "files", "originalChatId", "branchPointMessageId")
#: Keys of a message that are private: uploads, whose ids and texts are not part of the conversation.
_FILES: Final = "files"


def snapshot(text: str, chat_id: str, owner_id: str, share_id: str) -> str:
    """Return the JSON document of a chat as it is shared.

    Clients write the ids of the chat and of its owner into messages; the share id replaces them wherever they
    occur. Raises: InvalidRequest for an old document of another shape than clients rely on.
    """
    try:
        shared = _without_private(parse_document(text))
    except msgspec.ValidationError:
        raise InvalidRequest from None
    return shared.replace(chat_id, share_id).replace(owner_id, f"{SHARED_ACCOUNT_PREFIX}{share_id}")


def _without_private(document: ChatDocument) -> str:
    parts = {key: value for key, value in document.parts.items() if key not in _PRIVATE}
    if "params" in parts:
        parts["params"] = _without("system", parts["params"])
    if "tags" in parts:
        parts["tags"] = "[]"
    if document.history is not None:
        history = dict(document.history)
        if document.messages is not None:
            history["messages"] = join_object(_messages(document.messages))
        parts["history"] = join_object(history)
    if document.branch is not None:
        parts["messages"] = f"[{','.join(_without(_FILES, one) for one in document.branch)}]"
    return join_object(parts)


def _messages(messages: Parts) -> Parts:
    return {message_id: _without(_FILES, body) for message_id, body in messages.items()}


def _without(key: str, text: str) -> str:
    """Return a JSON object without one key; any other value, or an object without the key, is returned byte for byte."""
    if not text.startswith("{") or (f'"{key}"' not in text and "\\u" not in text):
        return text
    parts = split_object(text)
    if key not in parts:
        return text
    return join_object({name: value for name, value in parts.items() if name != key})
