"""Commands: options that they share, and texts that are safe for a terminal."""

from portico.terminal import (
    UTC_TIME,
    epoch_seconds,
    format_time,
    json_option,
    print_json,
    printable,
    progress_bar,
    renamed_command,
    renamed_option,
)

__all__ = [
    "UTC_TIME",
    "epoch_seconds",
    "format_time",
    "json_option",
    "print_json",
    "printable",
    "progress_bar",
    "renamed_command",
    "renamed_option",
]
