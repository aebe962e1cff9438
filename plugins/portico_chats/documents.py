"""The chat document: free-form JSON of which the server knows a few keys, handled as bytes.

It is looked through once for its shape, split at its top level, and put together again; what is inside the parts
is never decoded. A chat of a megabyte costs a few copies, not a hundred thousand objects.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from portico.api import Misshapen

NEW_CHAT: Final = "New Chat"
#: Characters of the column; the document keeps the whole title.
LONGEST_TITLE: Final = 1000

Parts = dict[str, msgspec.Raw]


class _Anything(msgspec.Struct):
    """An object, whatever is in it."""


class _History(msgspec.Struct):
    messages: dict[str, _Anything] | None = None
    currentId: str | None = None  # noqa: N815 - the client's word


class _Shape(msgspec.Struct):
    """What the server relies on. Source: the API's clients."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    history: _History | None = None
    messages: list[_Anything] | None = None


_SHAPE = msgspec.json.Decoder(_Shape)
_PARTS = msgspec.json.Decoder(Parts)
_MAYBE_PARTS = msgspec.json.Decoder(Parts | None)

# Every escape in turn, so that a backslash that is itself escaped begins nothing.
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair: a character like any other
    rb"|(?P<nul>\\u0000)|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")


def cleaned(text: bytes) -> bytes:
    """JSON without NUL characters, and with U+FFFD for halves of surrogate pairs.

    Clients cut texts in the middle of a character; databases and other clients choke on what is left.
    """
    if b"\\u0000" not in text and b"\\ud" not in text and b"\\uD" not in text:
        return text
    return _ESCAPE.sub(_mend, text)


def _mend(escape: re.Match[bytes]) -> bytes:
    if escape["nul"]:
        return b""
    return rb"\ufffd" if escape["half"] else escape[0]


def read_document(raw: msgspec.Raw) -> tuple[Parts, str | None]:
    """The parts of a document from a client, and its title (None if it has none).

    Raises: Misshapen if it is no object, or if `title`, `history` or `messages` have another shape than clients
    rely on.
    """
    text = cleaned(bytes(raw))
    try:
        text.decode()  # msgspec passes over bytes it does not have to turn into text
        shape = _SHAPE.decode(text)
        parts = _PARTS.decode(text)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _misfit("It is not UTF-8 JSON", "json_invalid") from None
    return parts, None if shape.title is msgspec.UNSET else column_title(shape.title)


def column_title(title: str) -> str:
    """A title as it is listed: without NUL, cut to a length that a list can bear."""
    return title.replace("\x00", "")[:LONGEST_TITLE]


def whole(parts: Parts) -> str:
    """The JSON text of a document."""
    return msgspec.json.encode(parts).decode()


def merged(stored: str, changes: Parts) -> str:
    """A stored document with some of its top-level keys replaced."""
    return whole(_PARTS.decode(stored) | changes)


def with_message(stored: str, message_id: str, fields: Mapping[str, Any]) -> str:
    """A stored document with `fields` laid over one message, which becomes the current one.

    What is missing on the way there is made.
    """
    document = _PARTS.decode(stored)
    history = _inner(document, "history")
    messages = _inner(history, "messages")
    message = _inner(messages, message_id)
    for key, value in fields.items():
        message[key] = _raw(value)
    messages[message_id] = _raw(message)
    history["messages"], history["currentId"] = _raw(messages), _raw(message_id)
    document["history"] = _raw(history)
    return whole(document)


def _inner(parts: Parts, key: str) -> Parts:
    """The parts of one part; none if it is missing, null or, in an old row, no object."""
    try:
        return _MAYBE_PARTS.decode(parts[key]) or {} if key in parts else {}
    except msgspec.ValidationError:
        return {}


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(cleaned(msgspec.json.encode(value)))


def _misfit(message: str, kind: str = "type_error") -> Misshapen:
    """A fault with its place. msgspec quotes what it expected, never what it got."""
    text, _, path = message.partition(" - at `$")
    loc = ["body", "chat", *(name or index for name, index in _STEP.findall(path))]
    return Misshapen([{"type": kind, "loc": loc, "msg": text}])
