"""Usage as CSV, for spreadsheets."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

#: Spreadsheets read a text that begins so as a formula, and run it.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_header(fields: Sequence[str]) -> bytes:
    """Return the first line."""
    return _lines([fields])


def csv_lines(items: Iterable[msgspec.Struct], fields: Sequence[str]) -> bytes:
    """Return a line for each item."""
    return _lines([_cell(getattr(item, name)) for name in fields] for item in items)


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


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Return what is written into a cell. A text that a spreadsheet would run is made text by an apostrophe."""
    if isinstance(value, list):
        value = " ".join(value)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value
