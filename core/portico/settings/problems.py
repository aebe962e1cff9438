"""What is wrong with the settings, as sentences somebody can act on without opening the code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from portico.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    `name`: the file's path, or the variable (of an option on the command line: the one it stands
    for); empty for a default.
    """

    kind: Literal["default", "file", "environment", "command line"]
    name: str = ""

    def __str__(self) -> str:
        return self.name if self.kind == "file" else f"{self.kind} {self.name}".rstrip()


DEFAULT = Origin("default")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right; `str()` is the sentence.

    `key`: dotted key, or the variable or file when there is no key. `value`: as it may be shown,
    already masked; None when it would say nothing or give something away.
    """

    key: str
    reason: str
    origin: Origin | None = None
    value: str | None = None

    def __str__(self) -> str:
        origin = f" ({self.origin})" if self.origin else ""
        value = "" if self.value is None else f" = {self.value}"
        sentence = f"{self.key}{origin}{value}: {self.reason}"
        # Keys and file names are somebody's text too: one line each, and nothing for a terminal.
        return "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode()
            for char in sentence
        )


class BadSettings(OperatorError):
    """The settings cannot be used; every problem that was found is in it, not just the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Mapping[str, str]) -> str:
    """The tail of a sentence that suggests what the nearest known word stands for, or nothing."""
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {known[near[0]]}?" if near else ""
