"""The messages of a conversation: their roles and texts, and system prompts among them.

All messages but a changed one keep their bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

#: Keys of requests that replace the template by which a server puts system prompt and conversation together, or the
#: result: with them a client could leave a system prompt out, or set one. At Ollama, and at vLLM.
TEMPLATE_KEYS: Final = frozenset({"template", "raw", "context", "chat_template"})

Value = TypeVar("Value")


class _RoleOfMessage(msgspec.Struct):
    role: Any = None


class _MessageContent(msgspec.Struct):
    content: Any = None


def role_of(message: msgspec.Raw) -> str:
    """Return the role of a message; empty if it has none."""
    role = msgspec.json.decode(message, type=_RoleOfMessage).role
    return role if isinstance(role, str) else ""


def is_system_role(role: object) -> bool:
    """Return whether a message of this role instructs the model. Servers of models read roles in any case."""
    return isinstance(role, str) and role.strip().casefold() in ("system", "developer")


def has_system(messages: Sequence[msgspec.Raw]) -> bool:
    """Return whether one of the messages instructs the model."""
    # Not by their bytes: JSON may write any letter of a role as an escape.
    return any(is_system_role(role_of(message)) for message in messages)


def without_system(messages: Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
    """Return the messages without those that instruct the model."""
    return [message for message in messages if not is_system_role(role_of(message))]


def system_index(messages: Sequence[msgspec.Raw]) -> int | None:
    """Return the index of the first system message; None if there is none."""
    for place, message in enumerate(messages):
        if role_of(message) == "system":
            return place
    return None


def without_templates(keys: Mapping[str, Value]) -> dict[str, Value]:
    """Return the keys of a request without those in `TEMPLATE_KEYS`, unless they say only that nothing is replaced."""
    return {key: v for key, v in keys.items() if key not in TEMPLATE_KEYS or _is_false(v)}


def _is_false(value: object) -> bool:
    return value is False or (isinstance(value, msgspec.Raw) and bytes(value) == b"false")


def text_of(message: msgspec.Raw) -> str:
    """Return the text of a message: its content, or the texts among its parts."""
    return content_text(msgspec.json.decode(message, type=_MessageContent).content)


def content_text(content: object) -> str:
    """Return the text of a decoded content: a text, or the texts among its parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"
    ]
    return "\n".join(text for text in texts if isinstance(text, str))


def with_text(message: msgspec.Raw, change: Callable[[str], str]) -> msgspec.Raw:
    """Return a message whose text, or the first text among its parts, is changed."""
    document = msgspec.json.decode(message)
    content = document.get("content")
    if isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                part["text"] = change(part["text"])
                break
        else:
            content.insert(0, {"type": "text", "text": change("")})
    else:
        document["content"] = change(content if isinstance(content, str) else "")
    return msgspec.Raw(msgspec.json.encode(document))


def prepend_system(messages: Sequence[msgspec.Raw], prompt: str) -> list[msgspec.Raw]:
    """Return the messages with a system prompt first: prepended to the first message if that is a system message, else as a new one."""
    if messages and system_index(messages[:1]) == 0:
        above = with_text(messages[0], lambda text: f"{prompt}\n{text}" if text else prompt)
        return [above, *messages[1:]]
    new = msgspec.json.encode({"role": "system", "content": prompt})
    return [msgspec.Raw(new), *messages]


def append_system(messages: Sequence[msgspec.Raw], text: str) -> list[msgspec.Raw]:
    """Return the messages with a text for the model: at the end of the first message if that is a system message, else as a new one."""
    if messages and system_index(messages[:1]) == 0:
        below = with_text(messages[0], lambda prompt: f"{prompt}\n{text}" if prompt else text)
        return [below, *messages[1:]]
    return prepend_system(messages, text)


def transcript(messages: Sequence[msgspec.Raw]) -> list[str]:
    """Return the messages as lines `ROLE: text`."""
    return [f"{role_of(message).upper()}: {text_of(message)}" for message in messages]


def last_user_text(messages: Sequence[msgspec.Raw]) -> str:
    """Return the user's last message; empty if there is none."""
    for message in reversed(messages):
        if role_of(message) == "user":
            return text_of(message)
    return ""
