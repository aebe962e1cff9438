"""Helpers for commands: printable texts and times, and options that several commands share."""

import calendar
import re
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click
import msgspec

F = TypeVar("F", bound=Callable[..., Any])

#: Characters of one word that `shortened` keeps.
MAX_WORD_CHARS = 200
_LONG_WORD = re.compile(rf"(\S{{{MAX_WORD_CHARS}}})\S+")

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

#: Type of an option: a day or a time of day, in UTC. Pass `epoch_seconds` as its callback.
UTC_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M", TIME_FORMAT, "%Y-%m-%dT%H:%M:%S"])


def printable(text: str) -> str:
    """Return `text` in one line, with escapes in place of characters that would control the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str) -> str:
    """Return a text as `printable` does, with long words cut, such as an argument that a message repeats."""
    return _LONG_WORD.sub(r"\1…", printable(text))


def format_time(at: int) -> str:
    """Return epoch seconds as a date and a time of day in UTC."""
    return time.strftime(TIME_FORMAT, time.gmtime(at))


def epoch_seconds(_context: Any, _option: Any, value: datetime | None) -> int | None:
    """Return the value of a `UTC_TIME` option in epoch seconds. A callback of click."""
    return None if value is None else calendar.timegm(value.timetuple())


#: Option `--json` of a command; the function receives it as `as_json`. See `print_json`.
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def print_json(value: Any) -> None:
    """Print a value as one indented JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def progress_bar(label: str, length: int) -> Any:
    """Return a progress bar on standard error, so that it is never part of the output."""
    return click.progressbar(length=length, label=label, file=sys.stderr)


def renamed_command(old: str, new: str) -> click.Command:
    """Return a hidden command that exits with 2 and names the new one. `new`: as it is typed, `portico group list`."""

    def refuse() -> None:
        raise click.UsageError(f"`{old}` is now `{new}`.")

    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(old, callback=refuse, hidden=True, context_settings=settings)


def renamed_option(old: str, new: str, *, is_flag: bool = False) -> Callable[[F], F]:
    """Add a hidden option to a command that exits with 2 and names the new one, such as `--permission`."""

    def refuse(context: click.Context, _option: click.Parameter, value: Any) -> None:
        if value not in (None, False, ()):
            raise click.UsageError(f"`{old}` is now `{new}`.", context)

    default = False if is_flag else None
    return click.option(
        old, hidden=True, expose_value=False, is_flag=is_flag, default=default, callback=refuse
    )
