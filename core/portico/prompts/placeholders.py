"""Scanner for placeholders such as `{{USER_NAME}}`.

It does not use a regular expression: prompts are user input, and a pattern with spaces around a name backtracks.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

#: Characters of a name, without the spaces around it.
MAX_NAME_CHARS: Final = 100


class Placeholder(NamedTuple):
    """One placeholder: `text[start:end]`, called `name`."""

    start: int
    end: int
    name: str


def placeholders(text: str) -> Iterator[Placeholder]:
    """Yield all placeholders of a text, from left to right. Between the braces is a name without braces."""
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
