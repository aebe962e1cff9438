"""CSV for spreadsheets. A text that a spreadsheet would run as a formula becomes plain text by an apostrophe."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

CSV_MEDIA_TYPE: Final = "text/csv; charset=utf-8"
#: Spreadsheets read a text that begins so as a formula, and run it.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a line for each row. A list becomes its elements with blanks between them, None an empty cell."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value
