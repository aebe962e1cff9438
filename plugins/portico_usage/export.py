"""Usage as CSV, for spreadsheets."""

from collections.abc import AsyncIterator, Iterable, Sequence

import msgspec
from msgspec import UNSET

from portico.api import text


def csv_header(fields: Sequence[str]) -> bytes:
    """Return the first line."""
    return text.csv_lines([fields])


def csv_lines(items: Iterable[msgspec.Struct], fields: Sequence[str]) -> bytes:
    """Return a line for each item."""
    return text.csv_lines([getattr(item, name) for name in fields] for item in items)


async def csv_stream(
    blocks: AsyncIterator[Sequence[msgspec.Struct]], fields: Sequence[str]
) -> AsyncIterator[bytes]:
    """Yield the first line, and the lines of each block."""
    yield csv_header(fields)
    async for block in blocks:
        yield csv_lines(block, fields)


def used_fields(item: msgspec.Struct) -> list[str]:
    """Return the fields that an item has: labels first, then what was added up."""
    own = type(item).__annotations__
    fields = sorted(item.__struct_fields__, key=lambda name: name not in own)
    return [name for name in fields if getattr(item, name) is not UNSET]
