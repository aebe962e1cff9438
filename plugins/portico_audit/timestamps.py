"""Moments as people write and read them: UTC, to the second."""

import calendar
import time
from datetime import datetime
from typing import Any

import click

FORM = "%Y-%m-%d %H:%M:%S"

#: A day or a moment on the command line, in UTC.
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M", FORM, "%Y-%m-%dT%H:%M:%S"])


def written(at: int) -> str:
    """Epoch seconds as a text."""
    return time.strftime(FORM, time.gmtime(at))


def seconds(_context: Any, _option: Any, moment: datetime | None) -> int | None:
    """What `MOMENT` gives as epoch seconds. Called by click."""
    return None if moment is None else calendar.timegm(moment.timetuple())
