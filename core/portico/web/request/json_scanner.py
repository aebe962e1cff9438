"""Finds where JSON values begin and end in a file that may be larger than the memory. Decodes nothing.

It reads only brackets and quotation marks, with the `re` module and possessive patterns, so the work is linear in the
bytes whatever they are.
"""

import re
from typing import BinaryIO, Final

from portico.errors import TooLarge, ValidationError, fault

#: Bytes that are read at once.
BLOCK_BYTES: Final = 256 * 1024
#: Levels of one value. It is the default of `server.max_json_depth`, so that what is imported can also be saved.
MAX_DEPTH: Final = 128

_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_SCALAR: Final = re.compile(rb'[^\s,\[\]{}":]*+')
_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_PLAIN: Final = rb'(?:[^"\[\]{}]++|%b)' % _STRING
# Up to the next bracket, past whole strings, lists and objects that hold no others; or up to the quotation mark of a
# string that continues in the next block.
_NESTED: Final = re.compile(
    rb'(?:%b|\[%b*+\]|\{%b*+\})*+["\[\]{}]' % (_PLAIN, _PLAIN, _PLAIN), re.DOTALL
)
_IN_STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class UnreadableImport(ValidationError):
    """The input is not JSON that can be split. The text says why, and at which byte."""

    def __init__(self, msg: str) -> None:
        super().__init__([fault("json_invalid", ["body"], msg)])
        self.detail, self.args = msg, (msg,)


class JSONScanner:
    """Reads a file value by value. `max_bytes`: of one value."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._block = b""
        self._at = 0  # in the block
        self._base = 0  # bytes before the block
        self._lines = 0  # line ends before the block

    @property
    def position(self) -> int:
        """Offset of the next byte in the input."""
        return self._base + self._at

    def head(self) -> bytes:
        """Return the first block, without reading past it."""
        if not self._block:
            self._fill()
        return self._block

    def peek(self) -> bytes:
        """Return the next byte that is not white space; empty at the end."""
        while True:
            space = _SPACE.match(self._block, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._block):
                return self._block[self._at : self._at + 1]
            if not self._fill():
                return b""

    def skip(self, token: bytes) -> None:
        """Skip these bytes. Raises: UnreadableImport if the input has others."""
        for number in range(len(token)):
            if self._at == len(self._block) and not self._fill():
                raise self.cut_off()
            if self._block[self._at] != token[number]:
                raise self.unexpected()
            self._at += 1

    def value(self) -> bytes:
        """Return the bytes of the next value. Raises: UnreadableImport; TooLarge."""
        first = self.peek()
        if first == b"":
            raise self.cut_off()
        held = bytearray()
        if first in b"[{":
            self._nested(held)
        elif first == b'"':
            self._at += 1
            held += b'"'
            self._string(held)
        else:
            self._scalar(held)
            if not held:
                raise self.unexpected()
        return bytes(held)

    def unexpected(self) -> UnreadableImport:
        """Return the error for an unexpected byte at this position."""
        return UnreadableImport(
            f"unexpected text at {self.place()}; nothing was read from there on"
        )

    def cut_off(self) -> UnreadableImport:
        """Return the error for an input that ends in the middle of a value."""
        return UnreadableImport(
            f"it is cut off: it ends at {self.place()} in the middle of a value"
        )

    def place(self) -> str:
        """Return the position of the next byte, as text for messages."""
        line = self._lines + self._block.count(b"\n", 0, self._at) + 1
        return f"byte {self.position} (line {line})"

    def _fill(self) -> bool:
        self._base += len(self._block)
        self._lines += self._block.count(b"\n")
        self._block, self._at = self._file.read(BLOCK_BYTES), 0
        return bool(self._block)

    def _take(self, held: bytearray, end: int) -> None:
        held += self._block[self._at : end]
        self._at = end
        self.limit(len(held))

    def limit(self, size: int) -> None:
        """Check the size of a value. Raises: TooLarge."""
        if size > self._max_bytes:
            mib = self._max_bytes / 1024 / 1024
            raise TooLarge(f"[ERROR: the value before {self.place()} is over {mib:g} MiB]")

    def _nested(self, held: bytearray) -> None:
        depth, at = 1, self._at + 1
        while True:
            while mark := _NESTED.match(self._block, at):
                at = mark.end()
                found = self._block[at - 1]
                if found == 0x22:  # a string that continues in the next block
                    self._take(held, at)
                    self._string(held)
                    at = self._at
                elif found in b"[{":
                    depth += 1
                    if depth > MAX_DEPTH:
                        raise UnreadableImport(
                            f"the value around {self.place()} is nested too deeply: over {MAX_DEPTH} levels"
                        )
                else:
                    depth -= 1
                    if not depth:
                        self._take(held, at)
                        return
            self._take(held, len(self._block))
            if not self._fill():
                raise self.cut_off()
            at = 0

    def _string(self, held: bytearray) -> None:
        """Read from after the opening quotation mark of a string to after the closing one."""
        while True:
            mark = _IN_STRING.match(self._block, self._at)
            self._take(held, mark.end() if mark else self._at)
            stops = self._block[self._at : self._at + 1]
            if stops:  # a quotation mark, or a backslash that is the last byte of the block
                self._take(held, self._at + 1)
                if stops == b'"':
                    return
            if self._at == len(self._block) and not self._fill():
                raise self.cut_off()
            if stops:  # the character after a backslash does not end the string
                self._take(held, self._at + 1)

    def _scalar(self, held: bytearray) -> None:
        while True:
            mark = _SCALAR.match(self._block, self._at)
            self._take(held, mark.end() if mark else self._at)
            if self._at < len(self._block) or not self._fill():
                return
