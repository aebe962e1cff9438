"""Regular expressions of the operator, which meet texts of users.

They are matched by `regex`, which understands the same as `re` and can be given a time limit: `(a+)+$` and fifty letters
would stop the whole process for years.
"""

import logging
from typing import Final

#: Seconds for one match.
TIME_LIMIT_SECONDS: Final = 0.02

log = logging.getLogger(__name__)


class PatternTooSlow(Exception):
    """A match took longer than the limit, so that nothing is known."""


class OperatorPattern:
    """One of them; `setting` names it in the log. Raises: ValueError for what is no regular expression."""

    def __init__(self, pattern: str, setting: str) -> None:
        import regex  # only where the operator has a pattern

        self._setting = setting
        try:
            self._pattern = regex.compile(pattern)
        except (regex.error, RecursionError) as error:
            raise ValueError(f"{setting} is not a regular expression: {error}") from error

    def matches(self, text: str, seconds: float = TIME_LIMIT_SECONDS) -> bool:
        """Whether a text begins like this, as `re.match` has it. Raises: PatternTooSlow."""
        try:
            return self._pattern.match(text, timeout=seconds) is not None
        except TimeoutError:
            log.warning(
                "a match of %s took longer than %.0f ms and was ended; a pattern without nested repetitions is faster",
                self._setting,
                seconds * 1000,
            )
            raise PatternTooSlow from None
