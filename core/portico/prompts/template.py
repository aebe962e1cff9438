"""Templates of prompts: fills placeholders such as `{{USER_NAME}}`.

One pass from left to right: inserted values are not scanned for placeholders again, so that a user name or a
message cannot insert one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from portico.db import now
from portico.errors import InvalidRequest
from portico.prompts.placeholders import placeholders
from portico.prompts.user_variables import UNSET

#: Characters of a prompt after its placeholders are filled.
MAX_PROMPT_CHARS: Final = 4 * 1024 * 1024

_CUT = re.compile(
    r"(?P<name>prompt|messages)(?::(?P<part>start|end|middletruncate):(?P<size>\d{1,6}))?",
    re.IGNORECASE,
)

#: Placeholders about the user. Unknown values print as `UNSET`.
_USER_PLACEHOLDERS = (
    *("USER_NAME", "USER_EMAIL", "USER_BIO", "USER_GENDER"),
    *("USER_BIRTH_DATE", "USER_AGE", "USER_LOCATION"),
)


class PromptTemplate:
    """Fills the placeholders of one request.

    `variables`: the client's values by placeholder, which override others. `user`: the user's values, by the names
    of placeholders.

    `prompt`: returns the user's last message; `messages`: returns lines `ROLE: text` of the conversation. Both are
    called at most once, and only if a placeholder needs them.
    """

    def __init__(
        self,
        user: Mapping[str, str],
        variables: Mapping[str, str],
        prompt: Callable[[], str],
        messages: Callable[[], Sequence[str]],
    ) -> None:
        self._variables = variables
        self._read_prompt, self._read_messages = prompt, messages
        self._user = user

    @cached_property
    def _prompt(self) -> str:
        return self._read_prompt()

    @cached_property
    def _messages(self) -> Sequence[str]:
        return self._read_messages()

    @cached_property
    def _values(self) -> Mapping[str, str]:
        clock = datetime.fromtimestamp(now(), tz=UTC).astimezone()
        return {
            **{name: self._user.get(name, UNSET) for name in _USER_PLACEHOLDERS},
            "CURRENT_DATE": clock.strftime("%Y-%m-%d"),
            "CURRENT_TIME": clock.strftime("%I:%M:%S %p"),
            "CURRENT_DATETIME": clock.strftime("%Y-%m-%d %I:%M:%S %p"),
            "CURRENT_WEEKDAY": clock.strftime("%A"),
        }

    def fill(self, text: str) -> str:
        """Return the text with every known placeholder filled; others stay.

        Raises: InvalidRequest if the result is too long.
        """
        if "{{" not in text:
            return text
        grown, at, pieces = len(text), 0, []
        for one in placeholders(text):
            filled = self._value(text[one.start : one.end], one.name)
            grown += len(filled) - (one.end - one.start)
            if grown > MAX_PROMPT_CHARS:
                raise InvalidRequest("The prompt is too long once its placeholders are filled.")
            pieces += [text[at : one.start], filled]
            at = one.end
        return "".join([*pieces, text[at:]])

    def _value(self, placeholder: str, name: str) -> str:
        for spelling in (placeholder, "{{" + name + "}}"):
            if spelling in self._variables:
                return self._variables[spelling]
        if name in self._values:
            return self._values[name]
        if cut := _CUT.fullmatch(name):
            part, size = (cut["part"] or "").lower(), int(cut["size"] or 0)
            if cut["name"].lower() == "prompt":
                return _cut(self._prompt, part, size, "...")
            return "\n".join(_cut_list(self._messages, part, size))
        return placeholder


def _cut(text: str, part: str, size: int, gap: str) -> str:
    if not part or len(text) <= size:
        return text
    if part == "middletruncate":
        return text[: (size + 1) // 2] + gap + text[len(text) - size // 2 :]
    return text[:size] if part == "start" else text[len(text) - size :]


def _cut_list(lines: Sequence[str], part: str, size: int) -> Sequence[str]:
    if not part or len(lines) <= size:
        return lines
    if part == "middletruncate":
        return [*lines[: (size + 1) // 2], *lines[len(lines) - size // 2 :]]
    return lines[:size] if part == "start" else lines[len(lines) - size :]
