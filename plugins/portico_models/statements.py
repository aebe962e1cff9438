"""Placeholders of statements about many rows at once."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

#: Records in one statement: each may be as large as the picture in it.
CHUNK = 100
#: Ids in one statement.
IDS = 500


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The values in their order, at most `size` at a time."""
    return (values[start : start + size] for start in range(0, len(values), size))


def places(count: int, first: int = 1) -> str:
    """`$1, $2, $3`, for IN."""
    return ", ".join(f"${number}" for number in range(first, first + count))


def rows_of_places(count: int, width: int) -> str:
    """`($1, $2), ($3, $4)`, for VALUES."""
    return ", ".join(f"({places(width, 1 + row * width)})" for row in range(count))
