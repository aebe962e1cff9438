"""The operator's rule for new passwords."""

import re

from portico.api import INVALID_PASSWORD, Invalid, PasswordRule


class WeakPassword(Invalid):
    """The password is not what the operator asks for."""

    default = INVALID_PASSWORD


def password_rule(pattern: str) -> PasswordRule:
    """A check of one password, which raises WeakPassword. Raises: ValueError for a bad pattern, at boot."""
    try:
        matches = re.compile(pattern).match
    except re.error as error:
        raise ValueError(
            f"PASSWORD_VALIDATION_REGEX_PATTERN is not a regular expression: {error}"
        ) from error

    def check(password: str) -> None:
        if not matches(password):
            raise WeakPassword

    return check
