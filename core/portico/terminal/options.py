"""Options that commands of the core and of plugins share, and former names of commands and options."""

import calendar
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from portico.terminal.text import TIME_FORMAT

F = TypeVar("F", bound=Callable[..., Any])

#: Type of an option: a day or a time of day, in UTC. Pass `epoch_seconds` as its callback.
UTC_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M", TIME_FORMAT, "%Y-%m-%dT%H:%M:%S"])


def epoch_seconds(_context: Any, _option: Any, value: datetime | None) -> int | None:
    """Return the value of a `UTC_TIME` option in epoch seconds. A callback of click."""
    return None if value is None else calendar.timegm(value.timetuple())


#: Option `--json` of a command; the function receives it as `as_json`. See `print_json`.
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


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
