"""System prompts in a list of messages whose bytes stay what they are, but for the one that has to change."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec


class _PromptMessage(msgspec.Struct):
    role: Any = None
    content: Any = None


def role_of(message: msgspec.Raw) -> str:
    """The role of a message; empty if it names none."""
    role = msgspec.json.decode(message, type=_PromptMessage).role
    return role if isinstance(role, str) else ""


def without_system(messages: Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
    """The messages but for those that speak to the model from above."""
    return [message for message in messages if role_of(message) not in ("system", "developer")]


def system_index(messages: Sequence[msgspec.Raw]) -> int | None:
    """Where the first system message is; None if there is none."""
    for place, message in enumerate(messages):
        # A look at the bytes spares decoding what cannot be one.
        if b"system" in bytes(message) and role_of(message) == "system":
            return place
    return None


def text_of(message: msgspec.Raw) -> str:
    """What a message says: its content, or the texts among its parts."""
    content = msgspec.json.decode(message, type=_PromptMessage).content
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"
    ]
    return "\n".join(text for text in texts if isinstance(text, str))


def with_text(message: msgspec.Raw, change: Callable[[str], str]) -> msgspec.Raw:
    """A message whose text, or the first text among its parts, is a changed one."""
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
    """The messages with a system prompt before everything else: in the first message if that is one, else new."""
    if messages and system_index(messages[:1]) == 0:
        above = with_text(messages[0], lambda text: f"{prompt}\n{text}" if text else prompt)
        return [above, *messages[1:]]
    new = msgspec.json.encode({"role": "system", "content": prompt})
    return [msgspec.Raw(new), *messages]


def transcript(messages: Sequence[msgspec.Raw]) -> list[str]:
    """The messages as lines `ROLE: text`."""
    return [f"{role_of(message).upper()}: {text_of(message)}" for message in messages]


def last_user_text(messages: Sequence[msgspec.Raw]) -> str:
    """What the person said last; empty if they have not said anything."""
    for message in reversed(messages):
        if role_of(message) == "user":
            return text_of(message)
    return ""
