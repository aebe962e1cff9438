"""Reads imports: yields the objects of an export in any of the accepted layouts, one after the other.

Used by HTTP and the command line, for every kind of resource. The plugin interprets the objects.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from portico.errors import ValidationError
from portico.web.request.body_scanner import BLOCK_BYTES, BodyScanner
from portico.web.request.json_scanner import MAX_DEPTH, JSONScanner, UnreadableImport
from portico.web.request.sanitize import sanitize_json
from portico.web.request.unsupported_formats import detect_format
from portico.web.request.utf8 import first_invalid_byte

#: Bytes of one object.
MAX_ITEM_BYTES: Final = 64 * 1024 * 1024

_BOM: Final = b"\xef\xbb\xbf"
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)


class ImportItem(msgspec.Struct, frozen=True):
    """One object of an import.

    `index`: its position among those of its `key`, from 0, over the whole input. `at`, `size`: its position and length
    in the input, in bytes. `key`: the list that contains it, such as `chats` in `{"chats": […]}`; "" outside of such an
    object. `is_alone`: no list contains it. `text`: its JSON, which can be decoded: UTF-8, without NUL and unpaired
    surrogates.
    """

    index: int
    at: int
    size: int
    key: str
    is_alone: bool
    text: bytes


def read_items(
    file: BinaryIO,
    keys: tuple[str, ...],
    what: str,
    *,
    max_bytes: int = MAX_ITEM_BYTES,
    max_values: int | None = None,
) -> Iterator[ImportItem]:
    """Yield every object of an import, in order. At most one of them is in memory.

    An import is a list; an object that has lists under some of `keys`, whatever else it has; a single object; or any of
    these one after the other, as in JSON lines or joined files. A byte-order mark may precede each. `what`: what is
    expected, for messages: "chats". `max_values`: elements and members of one object, at all levels together, or of one
    member of an object that is alone; None = not limited, where nothing decodes them.

    Raises: UnreadableImport, with the position, for text that is not JSON or is cut off, and for more values;
    TooLarge for an object over `max_bytes`.
    """
    return _Reader(JSONScanner(file, max_bytes), keys, what, max_values).items()


class _Reader:
    def __init__(
        self, scanner: JSONScanner, keys: tuple[str, ...], what: str, max_values: int | None
    ) -> None:
        self._scanner = scanner
        self._max_values = max_values
        self._keys = keys
        self._what = what
        self._counts: dict[str, int] = {}

    def items(self) -> Iterator[ImportItem]:
        self._check_format(self._scanner.head())
        is_empty = True
        while first := self._next_document():
            is_empty = False
            if first == b"[":
                yield from self._list("")
            elif first == b"{":
                yield from self._object()
            else:
                raise self._not_an_export(f"unexpected text at {self._scanner.place()}")
        if is_empty:
            raise self._not_an_export("it is empty")

    def _next_document(self) -> bytes:
        first = self._scanner.peek()
        if first == _BOM[:1]:
            self._scanner.skip(_BOM)
            first = self._scanner.peek()
        return first

    def _check_format(self, head: bytes) -> None:
        """Check that the input is not in a known other format. Raises: UnreadableImport."""
        if (reason := detect_format(head)) is not None:
            raise self._not_an_export(reason)

    def _not_an_export(self, reason: str) -> UnreadableImport:
        return UnreadableImport(f"this is not an export of {self._what}: {reason}")

    def _list(self, key: str) -> Iterator[ImportItem]:
        scanner = self._scanner
        scanner.skip(b"[")
        if scanner.peek() == b"]":
            scanner.skip(b"]")
            return
        while True:
            scanner.peek()
            at = scanner.position
            yield self._item(at, scanner.value(), key)
            if self._ends(b"]"):
                return

    def _object(self) -> Iterator[ImportItem]:
        """Yield a single item, or the items of an object that has lists of them."""
        scanner = self._scanner
        at = scanner.position
        scanner.skip(b"{")
        held, is_item = [b"{"], True
        size = 0
        if scanner.peek() == b"}":
            scanner.skip(b"}")
            yield self._item(at, b"{}", "", scanner.position - at)
            return
        while True:
            scanner.peek()
            name_at, name = scanner.position, scanner.value()
            key = self._valid(name_at, name)
            if key[:1] != b'"':
                raise self._not_an_export(f"a name in quotation marks is missing at byte {name_at}")
            scanner.peek()
            scanner.skip(b":")
            listed = msgspec.json.decode(key)
            if scanner.peek() == b"[" and listed in self._keys:
                is_item = False
                yield from self._list(listed)
            else:
                value_at = scanner.position
                value = self._valid(value_at, scanner.value())
                size += len(name) + len(value)
                if is_item:
                    scanner.limit(size)
                    held += [key, b":", value, b","]
            if self._ends(b"}"):
                break
        if is_item:
            held[-1] = b"}"
            yield self._item(at, b"".join(held), "", scanner.position - at)

    def _ends(self, bracket: bytes) -> bool:
        """Skip the comma or the closing bracket after a value. Returns whether it was the bracket."""
        scanner = self._scanner
        found = scanner.peek()
        if found == b"":
            raise scanner.cut_off()
        scanner.skip(b"," if found == b"," else bracket)
        return found == bracket

    def _item(self, at: int, text: bytes, key: str, size: int | None = None) -> ImportItem:
        index = self._counts.get(key, 0)
        self._counts[key] = index + 1
        return ImportItem(
            index=index,
            at=at,
            size=len(text) if size is None else size,
            key=key,
            is_alone=size is not None,
            text=self._valid(at, text) if size is None else text,
        )

    def _valid(self, at: int, text: bytes) -> bytes:
        """Return sanitized JSON that can be decoded. Raises: UnreadableImport, with the byte."""
        text = sanitize_json(text)
        try:
            # The decoder does not check bytes that it need not convert to text.
            if (place := first_invalid_byte(text)) is not None:
                raise UnreadableImport(f"it is not UTF-8 at byte {at + place}")
            _ANY.decode(text)
        except RecursionError:
            raise UnreadableImport(f"the value at byte {at} is nested too deeply") from None
        except msgspec.DecodeError as error:
            words = str(error).removeprefix("JSON is malformed: ")
            raise UnreadableImport(
                f"JSON decode error in the value that begins at byte {at}: {words}"
            ) from None
        if self._max_values is not None:
            self._count_values(at, text, self._max_values)
        return text

    @staticmethod
    def _count_values(at: int, text: bytes, max_values: int) -> None:
        scanner = BodyScanner(MAX_DEPTH, max_values)
        try:
            for begin in range(0, len(text), BLOCK_BYTES):
                scanner.feed(text[begin : begin + BLOCK_BYTES])
        except ValidationError:
            raise UnreadableImport(
                f"the value that begins at byte {at} has more than {max_values} values in it"
            ) from None


def plain_value(raw: msgspec.Raw) -> msgspec.Raw:
    """Decode a JSON object or list that is inside a string, as exports of database rows have it: `"{}"` becomes `{}`.

    Other values are returned as they are. Raises: UnreadableImport for a string that begins like an object or a list
    and is not valid JSON; ValidationError for one that is nested too deeply.
    """
    if bytes(memoryview(raw)[:1]) != b'"':
        return raw
    inner = sanitize_json(msgspec.json.decode(raw, type=str).encode())
    if inner.lstrip()[:1] not in (b"{", b"["):
        return raw
    BodyScanner(MAX_DEPTH, len(inner) + 1).feed(inner, last=True)
    try:
        return _ANY.decode(inner)
    except (msgspec.DecodeError, RecursionError):
        raise UnreadableImport("the JSON inside a string is malformed or cut off") from None
