"""The fields of a message that the server reads, and the few that it writes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from portico_chats.content.chat_document import as_json, join_object, split_object


class MessageFields(msgspec.Struct, frozen=True):
    """The fields of a message that the server knows. `text`: the searchable text."""

    parent_id: str | None = None
    role: str = ""
    text: str = ""


class _Plain(msgspec.Struct):
    parentId: str | None = None  # noqa: N815 - the client's word
    role: str = ""
    content: str = ""


class _DoneOnly(msgspec.Struct):
    done: Any = None


class _ContentPart(msgspec.Struct):
    text: str = ""


#: How the server marks a message as complete.
_DONE: Final = '"done":true'
#: Part of a message with follow-up questions, which are written some seconds after its end.
_FOLLOW_UPS: Final = '"followUps":'
#: Where the text of a growing message differs from the finished one: the model is still reasoning there.
_OPEN_REASONING: Final = '<details type="reasoning" done="false">'
#: Fields that the server writes when a reply ends.
_REPLY_FIELDS: Final = ("content", "done", "error", "usage", "sources", "selectedModelId")
_DONE_ONLY = msgspec.json.Decoder(_DoneOnly)
_PLAIN = msgspec.json.Decoder(_Plain)


def read_message(body: str) -> MessageFields:
    """Read the known fields of a message. A field of another shape than usual is ignored: it belongs to the client."""
    try:
        plain = _PLAIN.decode(body)
        return MessageFields(plain.parentId, plain.role, plain.content)
    except msgspec.ValidationError:
        parts = split_object(body)
        return MessageFields(
            _read(parts, "parentId", str | None),
            _read(parts, "role", str) or "",
            _text(parts),
        )


def with_fields(body: str, fields: Mapping[str, Any]) -> str:
    """Return a message with some fields replaced. All other fields stay unchanged, byte for byte."""
    return join_object(split_object(body) | {key: as_json(value) for key, value in fields.items()})


def with_children(body: str, children: Sequence[str]) -> str:
    """Return a message that also names these children. Returns the same text if it already named them."""
    known = _read(split_object(body), "childrenIds", list[str]) or []
    missing = [child for child in children if child not in known]
    return with_fields(body, {"childrenIds": [*known, *missing]}) if missing else body


def with_finished_reply(sent: str, stored: str) -> str:
    """Return a message that a client sends, with what the server has written into it in the meantime.

    A window that has not received the end of a reply sends the text so far: it must not replace the whole. A sent
    message that is `done`, such as an edited one, is returned as it is, with the follow-up questions of its reply.
    """
    if _DONE not in stored:
        return sent
    if _DONE_ONLY.decode(sent).done is True:
        return _with_follow_ups(sent, stored)
    new, old = split_object(sent), split_object(stored)
    so_far = _text(new).partition(_OPEN_REASONING)[0].strip()
    if old.get("done") != "true" or not _text(old).startswith(so_far):
        return sent
    return join_object(new | {key: old[key] for key in _REPLY_FIELDS if key in old})


def _with_follow_ups(sent: str, stored: str) -> str:
    """Return a sent message with the stored follow-up questions, if it has none and its text is the same."""
    if _FOLLOW_UPS not in stored or _FOLLOW_UPS in sent:
        return sent
    new, old = split_object(sent), split_object(stored)
    if "followUps" in new or "followUps" not in old or new.get("content") != old.get("content"):
        return sent
    return join_object(new | {"followUps": old["followUps"]})


def _text(parts: Mapping[str, str]) -> str:
    """Return the content: a text, or the texts among its parts."""
    plain: str | None = _read(parts, "content", str)
    if plain is not None:
        return plain
    pieces = _read(parts, "content", list[_ContentPart]) or []
    return "\n".join(piece.text for piece in pieces if piece.text)


def _read(parts: Mapping[str, str], key: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(parts[key], type=kind) if key in parts else None
    except msgspec.ValidationError:
        return None
