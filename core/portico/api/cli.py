"""Commands: options that they share, and texts that are safe for a terminal.

Constants, types and decorators:

    UTC_TIME     Type of an option with a day or a time in UTC; its callback is `epoch_seconds`.
    json_option  Decorator: adds the option `--json`, which the function receives as `as_json`.
"""

from portico.terminal.errors import not_found
from portico.terminal.options import (
    UTC_TIME,
    epoch_seconds,
    json_option,
    renamed_command,
    renamed_option,
)
from portico.terminal.output_file import Output, OutputFile
from portico.terminal.text import format_time, print_json, printable, progress_bar, shortened

__all__ = [
    "Output",
    "OutputFile",
    "UTC_TIME",
    "epoch_seconds",
    "format_time",
    "json_option",
    "not_found",
    "print_json",
    "printable",
    "progress_bar",
    "renamed_command",
    "renamed_option",
    "shortened",
]
