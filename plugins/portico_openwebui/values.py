"""Values of columns as other servers left them: any type, broken JSON, times in other units.

SQLite stores any type in any column, so nothing here trusts the type that a column was declared with.
"""

import datetime
import json
import math
from typing import Any, Final

import msgspec

from portico.api.db import now
from portico.api.json import decode_anything, sanitize_json

#: One row: the column names with their values. Text is `bytes` where it was read from SQLite, since it may be no UTF-8.
Row = dict[str, Any]

#: The unit of a number is the first in which it is a time before the year 2286: seconds, milli-, micro-, nanoseconds.
_SECONDS_END: Final = 10**10
_UNITS: Final = (1, 10**3, 10**6, 10**9)
_MAX_NUMBER_CHARS: Final = 40
_TRUE: Final = frozenset({"1", "true", "t", "yes"})


class BadValueError(Exception):
    """A value that a record cannot do without is unusable. The text is a sentence without the value."""


def text(value: object) -> str | None:
    """Return a value as text without U+0000; bytes that are no UTF-8 become U+FFFD."""
    if value is None:
        return None
    if isinstance(value, bytes):
        found = value.decode(errors="replace")
    elif isinstance(value, str):
        found = value.encode("utf-8", "replace").decode() if _has_surrogate(value) else value
    elif isinstance(value, datetime.date):
        found = value.isoformat()
    else:
        found = str(value)
    return found.replace("\0", "") if "\0" in found else found


def identifier(value: object, column: str = "id") -> str:
    """Return an id, which is never repaired. Raises: BadValueError."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise BadValueError(f"the column {column} is not UTF-8") from None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise BadValueError(f"the column {column} is empty or no text")
    if "\0" in value:
        raise BadValueError(f"the column {column} has U+0000")
    return value


def optional_identifier(value: object) -> str | None:
    """Return an id; None for none, and for what can be no id."""
    try:
        return identifier(value)
    except BadValueError:
        return None


def flag(value: object) -> bool:
    """Return whether a value is true in any notation."""
    if isinstance(value, bytes | str):
        return (text(value) or "").strip().lower() in _TRUE
    return bool(value)


def seconds(value: object) -> int | None:
    """Return a time in epoch seconds; None if the value is no time.

    Read are integers and decimals in seconds, milliseconds, microseconds or nanoseconds, also as text, and dates with a time as
    text, which are in UTC if they do not say otherwise.
    """
    if isinstance(value, datetime.datetime):
        return _of_datetime(value)
    if isinstance(value, bytes | str):
        value = _number_or_time((text(value) or "").strip())
    if isinstance(value, float):
        value = math.floor(value) if math.isfinite(value) else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return next((value // unit for unit in _UNITS if 0 <= value < _SECONDS_END * unit), None)


def times(row: Row) -> dict[str, int]:
    """Return when a row was created and changed; a time that cannot be read is the other one, or now."""
    created_at, updated_at = seconds(row.get("created_at")), seconds(row.get("updated_at"))
    first = next((at for at in (created_at, updated_at) if at is not None), None)
    known = now() if first is None else first
    return {
        "created_at": known if created_at is None else created_at,
        "updated_at": known if updated_at is None else updated_at,
    }


def _number_or_time(found: str) -> int | float | None:
    if not found or len(found) > _MAX_NUMBER_CHARS:
        return None
    try:
        return int(found) if found.lstrip("+-").isdecimal() else float(found)
    except ValueError:
        pass
    try:
        return _of_datetime(datetime.datetime.fromisoformat(found))
    except ValueError:
        return None


def _of_datetime(value: datetime.datetime) -> int | None:
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.UTC)
    try:
        return math.floor(value.timestamp())
    except (OverflowError, ValueError):
        return None


def json_bytes(value: object, column: str) -> bytes | None:
    """Return the JSON of a column, valid, without U+0000 and unpaired surrogates; None for an empty column.

    JSON that Python wrote and the standard does not have, NaN and Infinity, becomes null. Raises: BadValueError.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    if not isinstance(value, bytes):
        value = msgspec.json.encode(value if isinstance(value, int | float) else None)
    if not value.strip():
        return None
    found = sanitize_json(value)
    try:
        decode_anything(found)
        str(found, "utf-8")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = _repaired(found, column)
    return found


def _repaired(found: bytes, column: str) -> bytes:
    try:
        decoded = json.loads(found.decode(errors="replace"), parse_constant=lambda _: None)
        repaired = msgspec.json.encode(decoded)
        decode_anything(repaired)
    except (ValueError, RecursionError, msgspec.MsgspecError, TypeError, OverflowError):
        raise BadValueError(f"the column {column} has no valid JSON") from None
    return repaired


def json_value(value: object, column: str) -> Any:
    """Return what the JSON of a column says; None for an empty column. JSON in a JSON text is read too.

    Raises: BadValueError.
    """
    found = json_bytes(value, column)
    decoded = None if found is None else decode_anything(found)
    if isinstance(decoded, str) and decoded[:1] in ("{", "["):
        inner = json_bytes(decoded, column)
        decoded = None if inner is None else decode_anything(inner)
    return decoded


def json_object(value: object, column: str) -> dict[str, Any] | None:
    """Return the JSON object of a column; None for an empty column and for null. Raises: BadValueError."""
    decoded = json_value(value, column)
    if decoded is not None and not isinstance(decoded, dict):
        raise BadValueError(f"the column {column} has no JSON object")
    return decoded


def _has_surrogate(value: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in value) if not value.isascii() else False
