"""Problems of the settings, as sentences that tell the operator what to change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from portico.errors import OperatorError
from portico.settings.masking import sentence_without_credentials
from portico.terminal.text import printable


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    `name`: the file's path, or the variable (for an option of the command line: the variable it
    overrides); empty for a default.
    """

    kind: Literal["default", "file", "environment", "command line"]
    name: str = ""

    def __str__(self) -> str:
        return self.name if self.kind == "file" else f"{self.kind} {self.name}".rstrip()


DEFAULT = Origin("default")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem to correct; `str()` is the sentence.

    `key`: dotted key, or the variable or file if there is no key. `value`: already masked;
    None if it is missing or must not be shown.
    """

    key: str
    reason: str
    origin: Origin | None = None
    value: str | None = None

    def __str__(self) -> str:
        origin = f" ({self.origin})" if self.origin else ""
        value = "" if self.value is None else f" = {self.value}"
        # Checks of values that fit together or not quote them as they are.
        sentence = sentence_without_credentials(f"{self.key}{origin}{value}: {self.reason}")
        # Keys and file names may contain line ends and control characters, which are escaped.
        return printable(sentence)


class BadSettings(OperatorError):
    """The settings are invalid. `problems` has every problem that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Mapping[str, str]) -> str:
    """Return the end of a sentence that suggests the value of the most similar known word, or ""."""
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {known[near[0]]}?" if near else ""
