"""Helpers for statements with many values: chunks and placeholders.

for some in chunks(ids):
    await rows(f"SELECT name FROM note WHERE id IN ({placeholders(len(some))})", *some)
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeVar

T = TypeVar("T")

#: Ids in one statement. Databases accept a limited number of values.
MAX_IDS_PER_STATEMENT: Final = 500
#: Rows in one statement. Each has many values, or one as large as an image.
MAX_ROWS_PER_STATEMENT: Final = 100


def chunks(values: Sequence[T], size: int = MAX_IDS_PER_STATEMENT) -> Iterator[Sequence[T]]:
    """Yield the values in their order, at most `size` at a time; nothing if there are no values."""
    return (values[start : start + size] for start in range(0, len(values), size))


@lru_cache(maxsize=256)
def placeholders(count: int, first: int = 1) -> str:
    """Return `$1, $2, $3`, for IN. `first`: the number of the first placeholder."""
    return ", ".join(f"${number}" for number in range(first, first + count))


@lru_cache(maxsize=64)
def placeholder_rows(count: int, width: int) -> str:
    """Return `($1, $2), ($3, $4)`, for VALUES. `width`: values in a row."""
    return ", ".join(f"({placeholders(width, 1 + row * width)})" for row in range(count))
