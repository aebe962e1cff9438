"""The chat document as a client sends it: free-form JSON of which the server knows a few keys.

It is split at three levels, down to its messages, and checked for the shape that clients rely on. The inside of a
message and of any other part is never decoded, and is returned unchanged.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring as quoted
from typing import Annotated, Final

import msgspec

from portico.api import ValidationError
from portico.api.json import decode_utf8, field_error, first_invalid_byte, raw_object, sanitize_json

NEW_CHAT: Final = "New Chat"
#: Characters of the title column; the document holds the whole title.
MAX_TITLE_CHARS: Final = 1000
#: Characters of a message id: it is part of a database key.
MAX_MESSAGE_ID_CHARS: Final = 255

#: Bytes from which on a document is decoded block by block.
LARGE_BYTES: Final = 256 * 1024

#: The parts of an object: JSON texts by key.
Parts = dict[str, str]
#: Replaces a part that was taken out. No JSON text is empty.
PLACEHOLDER: Final = ""
_HOLE: Final = msgspec.Raw(b"")
_NULL: Final = msgspec.Raw(b"null")


class ChatDocument(msgspec.Struct, frozen=True):
    """A document, or some top-level keys of one, split into parts.

    `parts`: the JSON of each key. A key whose value was taken out holds a `PLACEHOLDER`: `history`, whose own parts
    are in `history`, and `messages` in it, which are in `messages` by id, in order. `branch`: the top-level list of
    messages. `title`: None if there is none. `history_json`: the JSON of the history as it was sent.
    """

    parts: Parts
    history: Parts | None = None
    messages: Parts | None = None
    branch: Sequence[str] | None = None
    current_id: str | None = None
    title: str | None = None
    history_json: msgspec.Raw = _NULL

    @property
    def size(self) -> int:
        """Return about how many characters or bytes it has."""
        return (
            memoryview(self.history_json).nbytes
            + sum(map(len, self.parts.values()))
            + sum(map(len, self.branch or ()))
        )


class _Object(msgspec.Struct):
    """An object with any content."""


_Id = Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_ID_CHARS)]


class _History(msgspec.Struct):
    messages: dict[_Id, _Object] | None = None
    currentId: str | None = None  # noqa: N815 - the client's spelling


class _Shape(msgspec.Struct):
    """The shape that the server relies on. Source: the API's clients."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    history: _History | None = None
    messages: list[_Object] | None = None


_SHAPE = msgspec.json.Decoder(_Shape)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


def split_object(text: str | bytes) -> Parts:
    """Split a JSON object into its parts. Raises: msgspec.ValidationError for any other JSON value."""
    return _texts(raw_object.split(text))


def _decode(raw: msgspec.Raw) -> str:
    return str(raw, "utf-8")


def _texts(
    parts: Mapping[str, msgspec.Raw], decode: Callable[[msgspec.Raw], str] = _decode
) -> Parts:
    return {key: decode(raw) for key, raw in parts.items()}


def render_members(parts: Iterable[tuple[str, str]]) -> str:
    """Return keys and their JSON as they are between the brackets of an object."""
    return ",".join([f"{quoted(key)}:{text}" for key, text in parts])


def join_object(parts: Parts) -> str:
    """Return the JSON text of an object."""
    return f"{{{render_members(parts.items())}}}"


def read_document(
    keys: Mapping[str, msgspec.Raw], previous: ChatDocument | None = None, *, long_ids: bool = False
) -> ChatDocument:
    """Split a document that a client sent. `keys`: its top-level keys, as sanitized UTF-8 JSON.

    `previous`: a document that was sent before; if its history is the same, it is not split again. `long_ids`:
    accept message ids that are longer than allowed today. Raises: ValidationError if `title`, `history` or
    `messages` have another shape than clients rely on.
    """
    try:
        document = _split(keys, previous)
        if not long_ids and too_long_ids(document):
            raise msgspec.ValidationError
        return document
    except msgspec.ValidationError:
        raise _shape_error(msgspec.json.encode(keys)) from None
    except (msgspec.DecodeError, RecursionError):
        raise _json_error() from None


def keys_of(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return the top-level keys of a document in a file, for `read_document`.

    Raises: ValidationError if it is not a UTF-8 JSON object.
    """
    try:
        keys = raw_object.split(raw)
    except msgspec.ValidationError:
        raise _shape_error(bytes(raw)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _json_error() from None
    if first_invalid_byte(raw) is not None:  # msgspec skips bytes that it does not turn into text
        raise _json_error()
    return keys


def parse_document(text: bytes | str) -> ChatDocument:
    """Split a text that is known to be JSON. Raises: msgspec.ValidationError for another shape than clients rely on."""
    return _split(raw_object.split(text))


def _split(keys: Mapping[str, msgspec.Raw], previous: ChatDocument | None = None) -> ChatDocument:
    outer = dict(keys)
    size = sum([memoryview(raw).nbytes for raw in outer.values()])
    decode = decode_utf8 if size > LARGE_BYTES else _decode
    history = messages = branch = current_id = title = None
    history_json = outer.get("history", _NULL)
    if previous is not None and history_json != _NULL and history_json == previous.history_json:
        history, messages, current_id = previous.history, previous.messages, previous.current_id
        outer["history"] = _HOLE
    elif history_json != _NULL:
        inner = raw_object.split(history_json)
        if (sent := inner.get("messages", _NULL)) != _NULL:
            messages = _texts(raw_object.split(sent), decode)
            _check(messages.values())
            inner["messages"] = _HOLE
        current_id = msgspec.json.decode(inner.get("currentId", _NULL), type=str | None)
        history = _texts(inner, decode)
        outer["history"] = _HOLE
    if (listed := outer.get("messages", _NULL)) != _NULL:
        branch = [decode(one) for one in _LIST.decode(listed)]
        _check(branch)
    if "title" in outer:
        title = column_title(msgspec.json.decode(outer["title"], type=str))
    return ChatDocument(
        _texts(outer, decode), history, messages, branch, current_id, title, history_json
    )


def too_long_ids(document: ChatDocument) -> list[str]:
    """Return the ids of messages that are too long for a row. Earlier releases accepted them."""
    return [one for one in document.messages or () if len(one) > MAX_MESSAGE_ID_CHARS]


def long_ids_error() -> ValidationError:
    """Return the error for a document with such ids."""
    return _validation_error(
        f"Expected `str` of length <= {MAX_MESSAGE_ID_CHARS}", at=["history", "messages"]
    )


def inline_messages(document: ChatDocument) -> ChatDocument:
    """Return the document in one piece: its messages are in its parts and have no rows."""
    parts = dict(document.parts)
    if parts.get("history") == PLACEHOLDER:
        history = dict(document.history or {})
        if history.get("messages") == PLACEHOLDER:
            history["messages"] = join_object(document.messages or {})
        parts["history"] = join_object(history)
    return ChatDocument(parts, title=document.title)


def column_title(title: str) -> str:
    """Return a title for the list: without NUL, cut to `MAX_TITLE_CHARS`."""
    return title.replace("\x00", "")[:MAX_TITLE_CHARS]


def as_json(value: object) -> str:
    """Return the JSON text of a value, sanitized for storage."""
    return sanitize_json(msgspec.json.encode(value)).decode()


def is_message_id(text: str) -> bool:
    """Return whether a message can have this id."""
    return len(text) <= MAX_MESSAGE_ID_CHARS and is_text(text)


def is_text(text: str) -> bool:
    """Return whether the text can be sent to a database."""
    return "\x00" not in text and not _LONE_SURROGATE.search(text)


def _check(messages: Iterable[str]) -> None:
    if not all([one[0] == "{" for one in messages]):  # noqa: C419 - faster than asking one by one
        raise msgspec.ValidationError


def _shape_error(text: bytes) -> ValidationError:
    """Return the error for a document of another shape, with the place. msgspec quotes what it expected, never what it got."""
    try:
        _SHAPE.decode(text)
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at `$")
        return _validation_error(words, at=[name or index for name, index in _STEP.findall(path)])
    return _validation_error("The value is not a chat document")


def _json_error() -> ValidationError:
    return _validation_error("The value is not UTF-8 JSON", "json_invalid")


def _validation_error(
    words: str, kind: str = "type_error", at: Sequence[str] = ()
) -> ValidationError:
    return field_error(["chat", *at], kind, words)
