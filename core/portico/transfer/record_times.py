"""Times of records, in the units that other servers have stored them in."""

import math
from typing import Final

#: The last second of the year 9999.
MAX_SECONDS: Final = 253_402_300_799
#: The unit of a number is the first in which it is a time before the year 2286: seconds, milli-, micro-, nanoseconds.
_SECONDS_END: Final = 10_000_000_000
_UNITS: Final = (1, 1_000, 1_000_000, 1_000_000_000)


def epoch_seconds(value: object) -> int | None:
    """Return a time in seconds since 1970; None if the value is none. `value`: a number or the text of one, in any unit."""
    if isinstance(value, str):
        try:
            value = int(value) if value.isdigit() else float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    for unit in _UNITS:
        if 0 <= value < _SECONDS_END * unit:
            return int(value // unit)
    return None
