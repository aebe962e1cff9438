"""The part of a representation that a request asks for. Source: RFC 9110, 14."""

import re
from typing import Final, NamedTuple

_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*\Z", re.ASCII)


class ByteRange(NamedTuple):
    """Bytes from `start` to before `end`."""

    start: int
    end: int


class UnsatisfiableRange(Exception):
    """The range begins behind the end. It becomes the status 416."""


def read_range(header: str, size: int) -> ByteRange | None:
    """Return the range of `size` bytes that a `Range` header asks for.

    None if it asks for none, for several, or cannot be read: then the whole is sent, which is always right. Raises:
    UnsatisfiableRange.
    """
    found = _ONE_RANGE.match(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    if start >= size:
        raise UnsatisfiableRange
    end = min(int(last) + 1, size) if first and last else size
    return ByteRange(start, end)
