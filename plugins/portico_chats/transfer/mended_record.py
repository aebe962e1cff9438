"""Repairs records of chats as they are found in databases of other servers, so that what is readable of them is imported.

Only records that the strict reader refuses come here. What cannot be kept is left out and reported.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from portico.api.json import UnreadableImport, plain_value, raw_object, sanitize_json
from portico.api.transfer import epoch_seconds
from portico_chats.transfer.imported_chat import MAX_META_BYTES

_EMPTY: Final = msgspec.Raw(b"{}")
_NULL: Final = msgspec.Raw(b"null")
#: What is wrong with a record, in words, and how often.
Faults = dict[str, int]


def mended(raw: bytes) -> tuple[bytes, Faults]:
    """Return the record in the shape that the strict reader takes, and what was changed or left out of it.

    Raises: msgspec.MsgspecError, UnicodeDecodeError, RecursionError if it is not a JSON object.
    """
    faults: Faults = {}
    parts = raw_object.split(sanitize_json(raw))
    chat = _object(parts.get("chat", _NULL))
    if chat is None:
        chat = _EMPTY
        _add(faults, "the chat has no document, so only its title is there")
    kept: dict[str, Any] = {"chat": mended_document(chat, faults)}
    if (title := _text(parts.get("title", _NULL))) is not None:
        kept["title"] = title
    for name in ("created_at", "updated_at"):
        value = _decoded(parts.get(name, _NULL))
        if (at := epoch_seconds(value)) is not None:
            kept[name] = at
        elif value is not None:
            _add(faults, f"{name} is no time")
    for name in ("pinned", "archived"):
        value = _decoded(parts.get(name, _NULL))
        kept[name] = value in (True, 1, "1", "true", "True")
    if isinstance(folder_id := _decoded(parts.get("folder_id", _NULL)), str):
        kept["folder_id"] = folder_id
    kept["meta"] = _meta(parts.get("meta", _NULL), faults)
    if "tags" in parts:
        kept["tags"] = parts["tags"]
    return msgspec.json.encode(kept), faults


def mended_document(chat: msgspec.Raw, faults: Faults) -> msgspec.Raw:
    """Return a document whose title, history and messages have the shapes that clients rely on.

    Raises: msgspec.MsgspecError if it is not an object.
    """
    parts = raw_object.split(chat)
    if "title" in parts and _kind(parts["title"]) != '"':
        title = _text(parts.pop("title"))
        if title is not None:
            parts["title"] = _raw(title)
    listed = parts.get("messages", _NULL)
    if (kind := _kind(listed)) == "{" and parts.get("history", _NULL) == _NULL:
        parts["history"] = _raw({"messages": parts.pop("messages")})
    elif kind == "[":
        parts["messages"] = _raw(list(_objects(msgspec.json.decode(listed, type=_RAWS), faults)))
    elif listed != _NULL:
        del parts["messages"]
        _add(faults, "the list of messages is no list")
    if parts.get("history", _NULL) != _NULL:
        parts["history"] = _history(parts["history"], faults)
    return msgspec.Raw(raw_object.join(parts))


def _history(raw: msgspec.Raw, faults: Faults) -> msgspec.Raw:
    value = _plain(raw)
    if _kind(value) == "[":
        value = _raw({"messages": value})
    if _kind(value) != "{":
        _add(faults, "the history is no object")
        return _NULL
    parts = raw_object.split(value)
    messages = _plain(parts.get("messages", _NULL))
    if (kind := _kind(messages)) == "[":
        found = _objects(msgspec.json.decode(messages, type=_RAWS), faults)
        parts["messages"] = _raw({_message_id(one, n): one for n, one in enumerate(found)})
    elif kind == "{":
        fields = {key: _plain(one) for key, one in raw_object.split(messages).items()}
        sound = {key: one for key, one in fields.items() if _kind(one) == "{"}
        if len(sound) < len(fields):
            _add(faults, "a message is no object, and is left out", len(fields) - len(sound))
        parts["messages"] = msgspec.Raw(raw_object.join(sound))
    elif messages != _NULL:
        del parts["messages"]
        _add(faults, "the messages of the history are no object")
    if not isinstance(_decoded(parts.get("currentId", _NULL)), str):
        parts["currentId"] = _NULL
    return msgspec.Raw(raw_object.join(parts))


_RAWS: Final = list[msgspec.Raw]


def _objects(found: Iterable[msgspec.Raw], faults: Faults) -> Iterable[msgspec.Raw]:
    for one in map(_plain, found):
        if _kind(one) == "{":
            yield one
        else:
            _add(faults, "a message is no object, and is left out")


def _message_id(message: msgspec.Raw, number: int) -> str:
    found = _decoded(raw_object.split(message).get("id", _NULL))
    return found if isinstance(found, str) and found else f"message-{number}"


def _meta(raw: msgspec.Raw, faults: Faults) -> msgspec.Raw:
    found = _object(raw)
    if found is None:
        if raw != _NULL:
            _add(faults, "meta is no object")
        return _EMPTY
    parts = raw_object.split(found)
    tags = _decoded(parts.get("tags", _NULL))
    if "tags" in parts:
        names = [one for one in tags if isinstance(one, str)] if isinstance(tags, list) else []
        parts["tags"] = _raw(names)
    if memoryview(found).nbytes > MAX_META_BYTES:
        _add(faults, "meta is too long, so only its tags are kept")
        parts = {name: one for name, one in parts.items() if name == "tags"}
    return msgspec.Raw(raw_object.join(parts))


def _object(raw: msgspec.Raw) -> msgspec.Raw | None:
    value = _plain(raw)
    return value if _kind(value) == "{" else None


def _plain(raw: msgspec.Raw) -> msgspec.Raw:
    """Return what is in a text that holds JSON; any other value as it is."""
    try:
        return plain_value(raw)
    except UnreadableImport:
        return raw


def _text(raw: msgspec.Raw) -> str | None:
    """Return a text, or a number as text; None for another value."""
    value = _decoded(raw)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number or isinstance(value, str) else None


def _decoded(raw: msgspec.Raw) -> Any:
    return msgspec.json.decode(raw)


def _kind(raw: msgspec.Raw) -> str:
    """Return the character with which a JSON value begins."""
    return chr(memoryview(raw)[0])


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _add(faults: Faults, fault: str, number: int = 1) -> None:
    faults[fault] = faults.get(fault, 0) + number
