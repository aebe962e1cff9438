"""JSON texts that clients cut in the middle of a character."""

import re
from typing import Final

_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
#: In the place of a backslash that is itself escaped, so that each one left begins an escape. JSON has no such byte.
_PLACEHOLDER: Final = b"\0\0"
_HIGH: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
#: Bytes of an escape for half a character, and of one for a whole.
_HALF_BYTES: Final = 6
_WHOLE_BYTES: Final = 12
_HIGH_HALF: Final = re.compile(_HIGH)
_HALF: Final = re.compile(_HIGH + rb"(?!" + _LOW + rb")|(?<!" + _HIGH + rb")" + _LOW)


def sanitize_json(text: bytes) -> bytes:
    """JSON without NUL characters, and with U+FFFD for halves of surrogate pairs.

    Databases and other clients choke on the former; that the latter is no text, decoders refuse. The work is linear
    in the length, and done by methods of `bytes`.
    """
    if b"\\" not in text or _SUSPECT.search(text) is None:  # the first is much the faster
        return text
    if b"\0" in text:
        return text  # no JSON, which its decoder will say
    aligned = text.replace(rb"\\", _PLACEHOLDER)
    # Halves first: two that only a NUL keeps apart are no character.
    whole = _HALF.sub(rb"\\ufffd", aligned).replace(rb"\u0000", b"")
    return whole.replace(_PLACEHOLDER, rb"\\")


def cut_before_escape(block: bytes) -> int:
    """Where to cut a block of a JSON text, so that no escape, and no pair of them, stands on both sides.

    `block`: begins with no part of an escape. At most 17 bytes are behind the cut, if the block is part of a text.
    """
    aligned = block.replace(rb"\\", _PLACEHOLDER)
    begin = aligned.find(b"\\", max(0, len(block) - _WHOLE_BYTES + 1))
    if begin < 0:
        return len(block)
    before = begin - _HALF_BYTES
    return before if before >= 0 and _HIGH_HALF.match(aligned, before) else begin
