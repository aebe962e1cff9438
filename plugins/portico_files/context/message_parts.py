"""Changes of messages of a chat: text in front, images at the end, other images. What stays keeps its bytes."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from portico.api.prompts import role_of

#: Bytes at the beginning of a part in which its kind stands.
MAX_MARK_BYTES: Final = 200


def add_to_last_user_message(
    messages: Sequence[msgspec.Raw], text: str, images: Sequence[msgspec.Raw]
) -> list[msgspec.Raw]:
    """Return the messages with a text in front of the user's last message, and images after it."""
    changed = list(messages)
    for place in range(len(changed) - 1, -1, -1):
        if role_of(changed[place]) == "user":
            changed[place] = _with(changed[place], text, images)
            return changed
    return [*changed, _with(msgspec.Raw(b'{"role":"user","content":""}'), text, images)]


def parts_of(message: msgspec.Raw) -> list[msgspec.Raw] | None:
    """Return the parts of a message; None if its content is no list."""
    content = _members(message).get("content")
    if content is None or bytes(content).lstrip()[:1] != b"[":
        return None
    return msgspec.json.decode(content, type=list[msgspec.Raw])


def with_parts(message: msgspec.Raw, parts: Sequence[msgspec.Raw]) -> msgspec.Raw:
    """Return a message with other parts."""
    return _encoded(_members(message) | {"content": _encoded(parts)})


def text_part(text: str) -> msgspec.Raw:
    """Return a part with a text."""
    return _encoded({"type": "text", "text": text})


def _with(message: msgspec.Raw, text: str, images: Sequence[msgspec.Raw]) -> msgspec.Raw:
    parts = parts_of(message)
    if parts is None:
        content = msgspec.json.decode(_members(message).get("content", b"null"))
        text += content if isinstance(content, str) else ""
        if not images:
            return _encoded(_members(message) | {"content": _encoded(text)})
        parts = [text_part(text)] if text else []
    elif text:
        parts = _with_text(parts, text)
    return with_parts(message, [*parts, *images])


def _with_text(parts: list[msgspec.Raw], text: str) -> list[msgspec.Raw]:
    for place, part in enumerate(parts):
        if b'"text"' not in bytes(part)[:MAX_MARK_BYTES]:
            continue  # an image, which may be long
        found = msgspec.json.decode(part)
        if isinstance(found, dict) and isinstance(found.get("text"), str):
            found["text"] = text + found["text"]
            return [*parts[:place], _encoded(found), *parts[place + 1 :]]
    return [text_part(text), *parts]


def _members(message: msgspec.Raw) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(message, type=dict[str, msgspec.Raw])


def _encoded(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
