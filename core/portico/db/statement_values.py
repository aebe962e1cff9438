"""Values of statements: ids of new rows, chunks and placeholders for many values, patterns, limits of numbers.

for batch in chunks(ids):
    await rows(f"SELECT name FROM note WHERE id IN ({placeholders(len(batch))})", *batch)
"""

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeVar

T = TypeVar("T")

#: Ids in one statement. Databases accept a limited number of values.
MAX_IDS_PER_STATEMENT: Final = 500
#: Rows in one statement. Each has many values, or one as large as an image.
MAX_ROWS_PER_STATEMENT: Final = 100
#: Rows of `row_chunks`: a power of two.
MAX_ROWS_PER_CHUNK: Final = 64
#: The largest integer that a column and a placeholder can have.
MAX_INT64: Final = 2**63 - 1
#: Higher page numbers are read as this one, whose offset still fits into 64 bits. Such pages are always empty.
MAX_PAGE: Final = 2**32
#: What LIKE would read as a wildcard or an escape, and what no database stores.
_WILDCARDS: Final = str.maketrans({"!": "!!", "%": "!%", "_": "!_", "\x00": ""})


def new_id() -> str:
    """Return a random UUID in lower case, with dashes (RFC 9562, 5.4; written by hand: each request needs one)."""
    random = bytearray(os.urandom(16))
    random[6] = random[6] & 0x0F | 0x40
    random[8] = random[8] & 0x3F | 0x80
    text = random.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def chunks(values: Sequence[T], size: int = MAX_IDS_PER_STATEMENT) -> Iterator[Sequence[T]]:
    """Yield the values in their order, at most `size` at a time; nothing if there are no values."""
    return (values[start : start + size] for start in range(0, len(values), size))


def row_chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the rows in their order, for VALUES: 64 at a time, the rest in powers of two.

    So there are few different statements, which databases keep prepared.
    """
    start, size = 0, MAX_ROWS_PER_CHUNK
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size


@lru_cache(maxsize=256)
def placeholders(count: int, first: int = 1) -> str:
    """Return `$1, $2, $3`, for IN. `first`: the number of the first placeholder."""
    return ", ".join(f"${number}" for number in range(first, first + count))


@lru_cache(maxsize=64)
def placeholder_rows(count: int, width: int) -> str:
    """Return `($1, $2), ($3, $4)`, for VALUES. `width`: values in a row."""
    return ", ".join(f"({placeholders(width, 1 + row * width)})" for row in range(count))


def literal_pattern(text: str) -> str:
    """Return the pattern of this text alone, for `LIKE $1 ESCAPE '!'`. No character of it is a wildcard."""
    return text.translate(_WILDCARDS)


def contains_pattern(text: str) -> str:
    """Return the pattern of texts that contain this one, as `literal_pattern`."""
    return f"%{literal_pattern(text)}%"


def page_offset(page: int, size: int) -> int:
    """Return the OFFSET of a page with `size` rows. Pages start at 1; numbers out of range mean the first or last one."""
    return (min(max(page, 1), MAX_PAGE) - 1) * size
