"""Checks a JSON body while it arrives: UTF-8, depth of nesting, number of values.

Each block is processed by methods of `bytes`, so the work is linear in the bytes whatever they are, and only the current
block is copied. Nothing is decoded here.
"""

import codecs
from array import array
from itertools import accumulate
from typing import Final

from portico.errors import ValidationError, fault
from portico.web.request.sanitize import cut_before_escape, sanitize_json
from portico.web.request.unsupported_formats import detect_format

#: Bytes that are processed at once: at most one or two milliseconds of work.
BLOCK_BYTES: Final = 64 * 1024

_UNSTRUCTURED: Final = bytes(set(range(256)) - set(b'{}[],"'))
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))
_UTF8_DECODER: Final = codecs.getincrementaldecoder("utf-8")
#: For each bracket one level more or less, as a signed byte.
_STEPS: Final = bytes(1 if one in b"{[" else 255 if one in b"}]" else 0 for one in range(256))


class BodyScanner:
    """Takes a body block by block and returns it sanitized (see `sanitize_json`).

    `max_depth`: levels of nesting. `max_values`: elements of lists and members of objects, at all levels together.
    `is_changed`: whether anything was changed so far; until then the returned blocks are the given ones.
    """

    def __init__(self, max_depth: int, max_values: int, where: str = "body") -> None:
        self._max_depth, self._max_values, self._where = max_depth, max_values, where
        self._utf8: codecs.IncrementalDecoder | None = None  # since the first block beyond ASCII
        self._held = b""  # the start of an escape that continues in the next block
        self._in_string = False
        self._depth = 0
        self.values = 1
        self.is_changed = False

    def feed(self, block: bytes, *, last: bool = False) -> bytes:
        """Check one block, of at most a few times BLOCK_BYTES. Raises: ValidationError."""
        self._check_text(block, last)
        if self._held:
            block, self._held = self._held + block, b""
        if b"\\" in block:
            if not last:
                cut = cut_before_escape(block)
                block, self._held = block[:cut], block[cut:]
            whole = sanitize_json(block)
            self.is_changed = self.is_changed or whole is not block
            block = whole
            plain = block.replace(rb"\\", b"").replace(rb"\"", b"")
        else:
            plain = block
        self._count(plain)
        return block

    def _check_text(self, block: bytes, last: bool) -> None:
        if self._utf8 is None:
            if block.isascii():
                return
            self._utf8 = _UTF8_DECODER()
        try:
            self._utf8.decode(block, final=last)
        except UnicodeDecodeError:
            reason = (detect_format(block) if self.values == 1 else None) or "it is not UTF-8 JSON"
            message = f"JSON decode error: {reason}"
            raise self._error("json_invalid", message) from None

    def _count(self, plain: bytes) -> None:
        """Count the brackets and commas outside of strings. `plain`: the block without escapes."""
        # Two adjacent quotation marks can be removed: nothing is between them, and no other bracket moves into a string
        # or out of one.
        marks = plain.translate(None, _UNSTRUCTURED).replace(b'""', b"")
        if self._in_string or b'"' in marks:
            pieces = marks.split(b'"')
            outside = pieces[self._in_string :: 2]
            self._in_string ^= not len(pieces) & 1
            marks = b"".join(outside)
        if not marks:
            return
        brackets = marks.translate(None, b",")
        opening = brackets.count(b"{") + brackets.count(b"[")
        self.values += opening + len(marks) - len(brackets)
        if self.values > self._max_values:
            message = f"JSON of more than {self._max_values} values"
            raise self._error("json_values", message)
        if self._depth + opening > self._max_depth and self._may_be_deep(brackets):
            steps = array("b", brackets.translate(_STEPS))
            if max(accumulate(steps, initial=self._depth)) > self._max_depth:
                message = f"JSON is nested deeper than {self._max_depth}"
                raise self._error("json_depth", message)
        self._depth += 2 * opening - len(brackets)

    def _may_be_deep(self, brackets: bytes) -> bool:
        """Return whether these could exceed the depth. Many small objects side by side cannot, and are not counted."""
        flat = brackets.replace(b"[]", b"").replace(b"{}", b"")  # at most two levels less
        opening = flat.count(b"{") + flat.count(b"[")
        return self._depth + opening + 2 > self._max_depth

    def _error(self, kind: str, message: str) -> ValidationError:
        return ValidationError([fault(kind, [self._where], message)])
