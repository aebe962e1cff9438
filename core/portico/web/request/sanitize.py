"""Removes from JSON what databases and decoders refuse: NUL characters and unpaired surrogates."""

import re
from typing import Final

_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
#: Replaces an escaped backslash, so that each remaining backslash begins an escape. JSON contains no such byte.
_PLACEHOLDER: Final = b"\0\0"
_HIGH: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
#: Bytes that are processed at once: a pattern over 32 MiB would keep the interpreter's lock for a second.
_BLOCK_BYTES: Final = 64 * 1024
#: Bytes of an escape of one surrogate, and of a surrogate pair.
_HALF_BYTES: Final = 6
_WHOLE_BYTES: Final = 12
_HIGH_HALF: Final = re.compile(_HIGH)
_HALF: Final = re.compile(_HIGH + rb"(?!" + _LOW + rb")|(?<!" + _HIGH + rb")" + _LOW)


def sanitize_json(text: bytes) -> bytes:
    """Return the JSON without NUL characters, and with U+FFFD for unpaired surrogates.

    Databases and other clients cannot store NUL; decoders refuse unpaired surrogates. The work is linear in the
    length, and done block by block: in a thread, it lets the event loop run in between. Returns `text` itself if
    nothing has to be changed.
    """
    if b"\\" not in text:  # much faster than what follows
        return text
    if len(text) <= _BLOCK_BYTES:
        return _sanitize_block(text)
    blocks, at, is_changed = [], 0, False
    while at < len(text):
        block = text[at : at + _BLOCK_BYTES]
        if at + _BLOCK_BYTES < len(text):
            block = block[: cut_before_escape(block)]
        at += len(block)
        whole = _sanitize_block(block)
        is_changed = is_changed or whole is not block
        blocks.append(whole)
    return b"".join(blocks) if is_changed else text


def _sanitize_block(text: bytes) -> bytes:
    if _SUSPECT.search(text) is None:
        return text
    if b"\0" in text:
        return text  # not JSON, which the decoder will report
    aligned = text.replace(rb"\\", _PLACEHOLDER)
    # Unpaired surrogates first: two that only a NUL separates must not become a pair.
    whole = _HALF.sub(rb"\\ufffd", aligned).replace(rb"\u0000", b"")
    return whole.replace(_PLACEHOLDER, rb"\\")


def cut_before_escape(block: bytes) -> int:
    """Return where to cut a block of JSON so that no escape and no surrogate pair is divided.

    `block`: does not begin within an escape. At most 17 bytes are after the cut.
    """
    aligned = block.replace(rb"\\", _PLACEHOLDER)
    begin = aligned.find(b"\\", max(0, len(block) - _WHOLE_BYTES + 1))
    if begin < 0:
        return len(block)
    before = begin - _HALF_BYTES
    return before if before >= 0 and _HIGH_HALF.match(aligned, before) else begin
