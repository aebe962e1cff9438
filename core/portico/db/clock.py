"""The wall clock. No other module reads it, so tests can set the time in one place."""

import time


def now() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())
