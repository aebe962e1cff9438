"""Ranges of bytes that a request asks for. Source: RFC 9110, 14."""

import re
from typing import Final

_ONE_RANGE: Final = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})\Z")


class UnsatisfiableRange(Exception):
    """The range begins behind the end. It becomes the status 416."""


def read_range(header: bytes, size: int) -> tuple[int, int] | None:
    """Return begin and end (exclusive) of the one range that a `Range` header asks for.

    None if it asks for none, for several, or cannot be read: then the whole is sent, which is always right. Raises:
    UnsatisfiableRange.
    """
    found = _ONE_RANGE.match(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:  # the last bytes
        length = min(int(found[2]), size)
        if not length:
            raise UnsatisfiableRange
        return size - length, size
    begin = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    if begin >= size:
        raise UnsatisfiableRange
    return (begin, end) if begin < end else None
