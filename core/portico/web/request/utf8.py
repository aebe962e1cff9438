"""UTF-8 of any size, block by block.

Decoding 32 MiB at once would keep the interpreter's lock for 50 ms; and it takes four bytes for each byte until it ends,
if there is one character such as an emoji.
"""

import codecs
from typing import Final

import msgspec

_BLOCK_BYTES: Final = 256 * 1024


def first_invalid_byte(text: bytes | msgspec.Raw) -> int | None:
    """Return the position of the first byte that is not UTF-8; None if all are. Nothing is copied."""
    if isinstance(text, bytes) and text.isascii():
        return None
    view = memoryview(text)
    decoder = codecs.getincrementaldecoder("utf-8")()
    for begin in range(0, len(view), _BLOCK_BYTES):
        held = len(decoder.getstate()[0])  # bytes of a character that began in the block before
        end = begin + _BLOCK_BYTES
        try:
            decoder.decode(view[begin:end], final=end >= len(view))
        except UnicodeDecodeError as error:
            return begin - held + error.start
    return None


def decode_utf8(text: bytes | msgspec.Raw) -> str:
    """Return the text. Raises: UnicodeDecodeError."""
    view = memoryview(text)
    if len(view) <= _BLOCK_BYTES:
        return str(view, "utf-8")
    decoder = codecs.getincrementaldecoder("utf-8")()
    ends = range(_BLOCK_BYTES, len(view) + _BLOCK_BYTES, _BLOCK_BYTES)
    return "".join(
        [decoder.decode(view[end - _BLOCK_BYTES : end], final=end >= len(view)) for end in ends]
    )
