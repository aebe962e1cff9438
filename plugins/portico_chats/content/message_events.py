"""The effect of an event on the message it is about.

Plugins and tools report the progress of a message in events; what has to last is written into the message. Source
of types and fields: the socket events of the API.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from portico_chats.content.chat_document import Parts, split_object

#: Maps the parts of a message and of the event's data to the fields of the message that change.
Effect = Callable[[Parts, Parts], Mapping[str, Any]]

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


def handler_for_event(kind: str, data: msgspec.Raw) -> Callable[[Parts], Mapping[str, Any]] | None:
    """Return the effect of an event type on a message; None = nothing is stored."""
    effect = _EFFECTS.get(kind)
    given = split_object(bytes(data))
    if effect is None or (effect is _source and "type" in given):
        return None
    return lambda message: effect(message, given)


def asks_client(kind: str) -> bool:
    """Return whether an event of this type has clients run code or ask their user, for the answer of one socket.

    A right to write a chat is none to have the browsers of its owner do that.
    """
    return kind in ("execute", "confirmation", "input") or kind.startswith(("execute:", "request:"))


def creates_message(kind: str) -> bool:
    """Return whether an event of this type creates its message if it does not exist."""
    return kind in ("message", "replace", "embeds", "files")


def _status(message: Parts, data: Parts) -> Mapping[str, Any]:
    return {"statusHistory": [*_items(message, "statusHistory"), _whole(data)]}


def _source(message: Parts, data: Parts) -> Mapping[str, Any]:
    return {"sources": [*_items(message, "sources"), _whole(data)]}


def _message(message: Parts, data: Parts) -> Mapping[str, Any]:
    return {"content": _text(message) + _text(data)}


def _replace(_: Parts, data: Parts) -> Mapping[str, Any]:
    return {"content": _text(data)}


def _newest_first(key: str) -> Effect:
    return lambda message, data: {key: [*_items(data, key), *_items(message, key)]}


_EFFECTS: Final[Mapping[str, Effect]] = {
    "status": _status,
    "message": _message,
    "replace": _replace,
    "embeds": _newest_first("embeds"),
    "files": _newest_first("files"),
    "source": _source,
    "citation": _source,
}


def _items(parts: Parts, key: str) -> list[msgspec.Raw]:
    try:
        return _ITEMS.decode(parts.get(key, "[]"))
    except msgspec.ValidationError:
        return []


def _text(parts: Parts) -> str:
    try:
        return msgspec.json.decode(parts.get("content", '""'), type=str)
    except msgspec.ValidationError:
        return ""


def _whole(parts: Parts) -> dict[str, msgspec.Raw]:
    return {key: msgspec.Raw(value) for key, value in parts.items()}
