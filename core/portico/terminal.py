"""Texts of commands: other users' texts made safe for a terminal, times, and the options that several commands share."""

import calendar
import time
from datetime import datetime
from typing import Any

import click

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

#: Type of an option: a day or a time of day, in UTC. Pass `epoch_seconds` as its callback.
UTC_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M", TIME_FORMAT, "%Y-%m-%dT%H:%M:%S"])


def printable(text: str) -> str:
    """Return `text` in one line, with escapes in place of characters that would control the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def format_time(at: int) -> str:
    """Return epoch seconds as a date and a time of day in UTC."""
    return time.strftime(TIME_FORMAT, time.gmtime(at))


def epoch_seconds(_context: Any, _option: Any, value: datetime | None) -> int | None:
    """Return the value of a `UTC_TIME` option in epoch seconds. A callback of click."""
    return None if value is None else calendar.timegm(value.timetuple())
