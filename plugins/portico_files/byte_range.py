"""The part of a file that a request asks for (RFC 9110, section 14)."""

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*\Z", re.ASCII)


class ByteRange(NamedTuple):
    """Bytes from `start` to before `end`."""

    start: int
    end: int


def read_range(header: str, size: int) -> ByteRange | None:
    """Return the range of a file with `size` bytes; None = the whole file: of several ranges, none is used.

    A range that does not exist is returned as an empty one.
    """
    found = _RANGE.match(header)
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:  # the last so many bytes
        return ByteRange(max(0, size - int(last)), size)
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    return ByteRange(start, max(start, end)) if start < size else ByteRange(size, size)
