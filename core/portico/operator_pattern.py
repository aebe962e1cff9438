"""Regular expressions from the operator's settings that are matched against texts of users.

They are matched by `regex`, which has the syntax of `re` and a time limit: `(a+)+$` on fifty letters would block the
process for years.
"""

import logging
from typing import Final

#: Seconds for one match.
TIME_LIMIT_SECONDS: Final = 0.02

log = logging.getLogger(__name__)


class PatternTooSlow(Exception):
    """A match took longer than the time limit, so its result is unknown."""


class OperatorPattern:
    """A regular expression. `setting`: its name in logs. Raises: ValueError if it is not a valid regular expression."""

    def __init__(self, pattern: str, setting: str) -> None:
        import regex  # only where the operator has a pattern

        self._setting = setting
        try:
            self._pattern = regex.compile(pattern)
        except (regex.error, RecursionError) as error:
            raise ValueError(f"{setting} is not a regular expression: {error}") from error

    def matches(self, text: str, seconds: float = TIME_LIMIT_SECONDS) -> bool:
        """Return whether the pattern matches at the start of the text, as `re.match`. Raises: PatternTooSlow."""
        try:
            return self._pattern.match(text, timeout=seconds) is not None
        except TimeoutError:
            log.warning(
                "a match of %s took longer than %.0f ms and was stopped; use a pattern without nested repetitions",
                self._setting,
                seconds * 1000,
            )
            raise PatternTooSlow from None
