"""JSON texts that clients cut in the middle of a character."""

import re
from typing import Final

_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
# Every escape in turn, so that a backslash that is itself escaped begins nothing.
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair: a character like any other
    rb"|(?P<nul>\\u0000)|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


def mended(text: bytes) -> bytes:
    """JSON without NUL characters, and with U+FFFD for halves of surrogate pairs.

    Databases and other clients choke on the former; that the latter is no text, decoders refuse.
    """
    if b"\\" not in text or _SUSPECT.search(text) is None:  # the first is much the faster
        return text
    return _ESCAPE.sub(_mend, text)


def _mend(escape: re.Match[bytes]) -> bytes:
    if escape["nul"]:
        return b""
    return rb"\ufffd" if escape["half"] else escape[0]
