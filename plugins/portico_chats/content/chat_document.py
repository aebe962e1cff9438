"""The chat document as it comes from a client: free-form JSON of which the server knows a few keys.

It is taken apart at three levels, down to its messages, and checked for the shape that clients rely on. What is inside
a message or another part is never decoded, and goes out again as it came in.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring as quoted
from typing import Annotated, Final

import msgspec

from portico.api import ValidationError, sanitize_json

NEW_CHAT: Final = "New Chat"
#: Characters of the column; the document keeps the whole title.
LONGEST_TITLE: Final = 1000
#: Characters of a message's id: it is part of a database's key.
LONGEST_ID: Final = 255

#: The parts of an object: JSON texts by key.
Parts = dict[str, str]
#: What stands in the place of a part that was taken out. No JSON text is empty.
PLACEHOLDER: Final = ""
_HOLE: Final = msgspec.Raw(b"")
_NULL: Final = msgspec.Raw(b"null")


class ChatDocument(msgspec.Struct, frozen=True):
    """A document, or some top-level keys of one, taken apart.

    `parts`: the JSON of each key. A key whose value has been taken out holds a `PLACEHOLDER`: `history`, whose own parts are
    in `history`, and `messages` therein, which are in `messages` by id, in order. `branch`: the top-level list of
    messages. `title`: None if there is none. `told`: the JSON of the history.
    """

    parts: Parts
    history: Parts | None = None
    messages: Parts | None = None
    branch: Sequence[str] | None = None
    current_id: str | None = None
    title: str | None = None
    searchable_texts: msgspec.Raw = _NULL

    @property
    def size(self) -> int:
        """Characters, or bytes, of it; about as many as there are."""
        return (
            memoryview(self.searchable_texts).nbytes
            + sum(map(len, self.parts.values()))
            + sum(map(len, self.branch or ()))
        )


class _Anything(msgspec.Struct):
    """An object, whatever is in it."""


_Id = Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]


class _History(msgspec.Struct):
    messages: dict[_Id, _Anything] | None = None
    currentId: str | None = None  # noqa: N815 - the client's word


class _Shape(msgspec.Struct):
    """What the server relies on. Source: the API's clients."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    history: _History | None = None
    messages: list[_Anything] | None = None


_SHAPE = msgspec.json.Decoder(_Shape)
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])

_HALF: Final = re.compile("[\ud800-\udfff]")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


def split_object(text: str | bytes) -> Parts:
    """The parts of a JSON object. Raises: msgspec.ValidationError for what is none."""
    return _texts(_PARTS.decode(text))


def _texts(parts: Mapping[str, msgspec.Raw]) -> Parts:
    return {key: str(raw, "utf-8") for key, raw in parts.items()}


def render_members(parts: Iterable[tuple[str, str]]) -> str:
    """Keys and their JSON, as they stand between the brackets of an object."""
    return ",".join([f"{quoted(key)}:{text}" for key, text in parts])


def join_object(parts: Parts) -> str:
    """The JSON text of an object."""
    return f"{{{render_members(parts.items())}}}"


def read_document(
    keys: Mapping[str, msgspec.Raw], previous: ChatDocument | None = None, *, long_ids: bool = False
) -> ChatDocument:
    """Take a document from a client apart. `keys`: its top-level keys, in JSON that is UTF-8 and mended.

    `like`: one that was sent before, perhaps with the same history, which then need not be taken apart again.
    `long_ids`: ids of messages may be longer than they are today. Raises: Misshapen if `title`, `history` or `messages`
    have another shape than clients rely on.
    """
    try:
        document = _apart(keys, previous)
        if not long_ids and too_long_ids(document):
            raise msgspec.ValidationError
        return document
    except msgspec.ValidationError:
        raise _misfit(msgspec.json.encode(keys)) from None
    except (msgspec.DecodeError, RecursionError):
        raise _invalid() from None


def keys_of(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The top-level keys of a document in a file, for `read_document`. Raises: Misshapen if it is no object in UTF-8."""
    text = bytes(raw)
    try:
        text.decode()  # msgspec passes over bytes it does not have to turn into text
        return _PARTS.decode(text)
    except msgspec.ValidationError:
        raise _misfit(text) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid() from None


def parse_document(text: bytes | str) -> ChatDocument:
    """Take apart what is known to be JSON. Raises: msgspec.ValidationError for another shape than clients rely on."""
    return _apart(_PARTS.decode(text))


def _apart(keys: Mapping[str, msgspec.Raw], previous: ChatDocument | None = None) -> ChatDocument:
    outer = dict(keys)
    history = messages = branch = current_id = title = None
    told = outer.get("history", _NULL)
    if previous is not None and told != _NULL and told == previous.searchable_texts:
        history, messages, current_id = previous.history, previous.messages, previous.current_id
        outer["history"] = _HOLE
    elif told != _NULL:
        inner = _PARTS.decode(told)
        if (sent := inner.get("messages", _NULL)) != _NULL:
            messages = _texts(_PARTS.decode(sent))
            _check(messages.values())
            inner["messages"] = _HOLE
        current_id = msgspec.json.decode(inner.get("currentId", _NULL), type=str | None)
        history = _texts(inner)
        outer["history"] = _HOLE
    if (listed := outer.get("messages", _NULL)) != _NULL:
        branch = [str(one, "utf-8") for one in _LIST.decode(listed)]
        _check(branch)
    if "title" in outer:
        title = column_title(msgspec.json.decode(outer["title"], type=str))
    return ChatDocument(_texts(outer), history, messages, branch, current_id, title, told)


def too_long_ids(document: ChatDocument) -> list[str]:
    """The ids of messages that can have no row of their own. An earlier release took them."""
    return [one for one in document.messages or () if len(one) > LONGEST_ID]


def refuse_long_ids() -> ValidationError:
    """Why a document with such ids does not fit."""
    return _refusal(f"Expected `str` of length <= {LONGEST_ID}", at=["history", "messages"])


def inlined(document: ChatDocument) -> ChatDocument:
    """A document in one piece: its messages stand in its parts, and have no rows."""
    parts = dict(document.parts)
    if parts.get("history") == PLACEHOLDER:
        history = dict(document.history or {})
        if history.get("messages") == PLACEHOLDER:
            history["messages"] = join_object(document.messages or {})
        parts["history"] = join_object(history)
    return ChatDocument(parts, title=document.title)


def column_title(title: str) -> str:
    """A title as it is listed: without NUL, cut to a length that a list can bear."""
    return title.replace("\x00", "")[:LONGEST_TITLE]


def as_json(value: object) -> str:
    """The JSON text of a value, fit to be kept."""
    return sanitize_json(msgspec.json.encode(value)).decode()


def is_message_id(text: str) -> bool:
    """Whether a message may be called that."""
    return len(text) <= LONGEST_ID and is_text(text)


def is_text(text: str) -> bool:
    """Whether a database can be asked for it."""
    return "\x00" not in text and not _HALF.search(text)


def _check(messages: Iterable[str]) -> None:
    if not all([one[0] == "{" for one in messages]):  # noqa: C419 - faster than asking one by one
        raise msgspec.ValidationError


def _misfit(text: bytes) -> ValidationError:
    """Why a document does not fit, with its place. msgspec quotes what it expected, never what it got."""
    try:
        _SHAPE.decode(text)
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at `$")
        return _refusal(words, at=[name or index for name, index in _STEP.findall(path)])
    return _refusal("It has another shape than a chat")


def _invalid() -> ValidationError:
    return _refusal("It is not UTF-8 JSON", "json_invalid")


def _refusal(words: str, kind: str = "type_error", at: Sequence[str] = ()) -> ValidationError:
    return ValidationError([{"type": kind, "loc": ["body", "chat", *at], "msg": words}])
