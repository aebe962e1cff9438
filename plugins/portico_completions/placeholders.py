"""Where placeholders such as `{{USER_NAME}}` are in a text.

A scan, not a regular expression: prompts are texts of users, and a pattern for blanks around a name backtracks.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

#: Characters of a name, without the blanks around it.
MAX_NAME_CHARS: Final = 100


class Placeholder(NamedTuple):
    """One of them: `text[start:end]`, called `name`."""

    start: int
    end: int
    name: str


def placeholders(text: str) -> Iterator[Placeholder]:
    """All of a text, from left to right. Between its braces one has a name, and no other brace."""
    at = 0
    while (close := text.find("}}", at)) >= 0:
        start = text.rfind("{{", at, close)
        at = close + 2
        if start < 0:
            continue
        inside = text[start + 2 : close]
        name = inside.strip()
        if 0 < len(name) <= MAX_NAME_CHARS and "{" not in inside and "}" not in inside:
            yield Placeholder(start, at, name)
