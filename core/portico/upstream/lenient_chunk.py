"""Reads chunks of a stream that a strict decoder refuses, and mends them, so that no text is lost."""

import codecs
import json
import re
from typing import Any

import msgspec

#: Marks of single bytes that are not UTF-8: private characters, of which each means one byte.
_FIRST_MARK = 0x10FF00
_MARKS = {0xDC00 + byte: _FIRST_MARK + byte for byte in range(128, 256)}
_MARKED = re.compile("[\U0010ff80-\U0010ffff]+")
#: The beginning of a character at the end of a text: half of a surrogate pair, or the first bytes of a sequence.
_OPEN_END = re.compile(
    "(?:[\ud800-\udbff]"
    "|[\U0010ffc2-\U0010ffdf]"
    "|[\U0010ffe0-\U0010ffef][\U0010ff80-\U0010ffbf]?"
    "|[\U0010fff0-\U0010fff4][\U0010ff80-\U0010ffbf]{0,2})\\Z"
)
_REPLACEMENT = "\ufffd"


class ChunkMender:
    """Mends the chunks of one stream. A character of which one chunk has the beginning and the next the rest is joined."""

    def __init__(self) -> None:
        #: Beginnings of characters that are held back, by the place of their text in a chunk.
        self._open_ends: dict[tuple[Any, ...], str] = {}

    @property
    def is_waiting(self) -> bool:
        """Return whether the rest of a character is expected in the next chunk."""
        return bool(self._open_ends)

    def mend_line(self, payload: bytes) -> dict[str, Any] | None:
        """Return the mended object in a line of a stream of JSON lines; None if it says nothing.

        Raises: ValueError if it cannot be read.
        """
        try:
            line = _object_in(payload)
            return self._joined(line, (0,)) if line else None
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def mend(self, payload: bytes) -> dict[str, Any] | None:
        """Return the mended chunk; None if it says nothing. Null is read as absent.

        Raises: ValueError if it cannot be read.
        """
        try:
            chunk = _object_in(payload)
            if not chunk:
                return None
            if "choices" in chunk:
                chunk["choices"] = [
                    self._mended_choice(choice, position)
                    for position, choice in enumerate(_items(chunk["choices"]))
                ]
            return {key: _whole_characters(value) for key, value in chunk.items()}
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def _mended_choice(self, choice: Any, position: int) -> dict[str, Any]:
        if not isinstance(choice, dict):
            raise ValueError("a choice is not an object")
        place = choice.get("index") or position
        choice = {key: value for key, value in choice.items() if key != "delta"} | {
            "delta": _object(choice.get("delta"))
        }
        mended: dict[str, Any] = self._joined(choice, (place,))
        if mended.get("finish_reason"):
            for path in [path for path in self._open_ends if path[0] == place]:
                del self._open_ends[path]
                if path[1:-1] == ("delta",):
                    delta = mended["delta"]
                    delta[path[-1]] = (delta.get(path[-1]) or "") + _REPLACEMENT
        return mended

    def _joined(self, value: Any, place: tuple[Any, ...]) -> Any:
        """Return a value of a choice; in its texts, the beginnings of characters that were held back are joined with the rest."""
        if isinstance(value, dict):
            return {key: self._joined(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [
                self._joined(item, (*place, _index(item, position)))
                for position, item in enumerate(value)
            ]
        if not isinstance(value, str):
            return value
        text = self._open_ends.pop(place, "") + value if value else value
        if end := _OPEN_END.search(text):
            self._open_ends[place] = text[end.start() :]
            text = text[: end.start()]
        return _whole_characters(text)


def _object_in(payload: bytes) -> dict[str, Any] | None:
    """Return the object of a chunk, without an `error` that says nothing; None for null and what is empty."""
    found = lenient_json(payload)
    if not found:
        return None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    if says_nothing(found.get("error")):
        found.pop("error", None)
    return found


def mended_json(payload: bytes) -> Any:
    """Decode JSON as leniently as that of a stream; what is no character becomes U+FFFD. Raises: ValueError."""
    try:
        payload.decode()
        return msgspec.json.decode(payload)  # a strict decoder is ten times as fast
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _whole_characters(lenient_json(payload.removeprefix(codecs.BOM_UTF8)))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def lenient_json(payload: bytes) -> Any:
    """Decode JSON that may hold control characters, halves of surrogate pairs, and bytes that are not UTF-8.

    Such bytes become marks, which `_whole_characters` replaces. Raises: ValueError, RecursionError.
    """
    text = payload.decode("utf-8", "surrogateescape")
    if not payload.isascii():
        text = text.translate(_MARKS)
    return json.loads(text.replace("\x00", ""), strict=False)


def says_nothing(error: Any) -> bool:
    """Return whether an `error` is none: null, empty, or an object of nothing but such values."""
    if isinstance(error, msgspec.Raw):
        if bytes(error) == b"null":
            return True
        error = msgspec.json.decode(error)
    if isinstance(error, dict):
        return all(map(says_nothing, error.values()))
    if isinstance(error, list):
        return all(map(says_nothing, error))
    return not error


def _items(value: Any) -> list[Any]:
    """Return a list without null; an empty one for null and for every empty value."""
    if not value:
        return []
    if not isinstance(value, list):
        raise ValueError("not a list")
    return [item for item in value if item is not None]


def _object(value: Any) -> dict[str, Any]:
    if value and not isinstance(value, dict):
        raise ValueError("not an object")
    return value or {}


def _index(item: Any, position: int) -> Any:
    """Return the number of a list entry: tool calls say theirs, since each chunk has only those that it continues."""
    index = item.get("index") if isinstance(item, dict) else None
    return index if isinstance(index, int) else position


def _whole_characters(value: Any) -> Any:
    """Return a value whose texts can be encoded: what is not a character is U+FFFD."""
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if not isinstance(value, str) or value.isascii():
        return value
    text = _MARKED.sub(_decoded_marks, value)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decoded_marks(marks: re.Match[str]) -> str:
    marked = bytes(ord(mark) - _FIRST_MARK for mark in marks[0])
    return marked.decode(errors="replace")
