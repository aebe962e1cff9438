"""Texts that are safe for a terminal, and what commands print."""

import re
import sys
import time
from typing import Any

import click
import msgspec

#: Characters of one word that `shortened` keeps.
MAX_WORD_CHARS = 200
_LONG_WORD = re.compile(rf"(\S{{{MAX_WORD_CHARS}}})\S+")

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def printable(text: str) -> str:
    """Return `text` in one line, with escapes in place of characters that would control the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str) -> str:
    """Return a text as `printable` does, with long words cut, such as an argument that a message repeats."""
    return _LONG_WORD.sub(r"\1…", printable(text))


def format_time(at: int) -> str:
    """Return epoch seconds as a date and a time of day in UTC."""
    return time.strftime(TIME_FORMAT, time.gmtime(at))


def print_json(value: Any) -> None:
    """Print a value as one indented JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def progress_bar(label: str, length: int) -> Any:
    """Return a progress bar on standard error, so that it is never part of the output."""
    return click.progressbar(length=length, label=label, file=sys.stderr)
