"""The wall clock. Only this module reads it, so that tests set the time in one place."""

import time


def now() -> int:
    """Return the time in epoch seconds."""
    return int(time.time())
