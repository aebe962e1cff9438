"""The operator's rule for new passwords."""

from portico.api import (
    INVALID_PASSWORD,
    InvalidRequest,
    OperatorPattern,
    PasswordRule,
    PatternTooSlow,
)


class WeakPassword(InvalidRequest):
    """The password is not what the operator asks for."""

    default = INVALID_PASSWORD


def password_rule(pattern: str) -> PasswordRule:
    """A check of one password, which raises WeakPassword. Raises: ValueError for a bad pattern, at boot.

    A password for which the pattern takes too long is refused.
    """
    rule = OperatorPattern(pattern, "PASSWORD_VALIDATION_REGEX_PATTERN")

    def check(password: str) -> None:
        try:
            fits = rule.matches(password)
        except PatternTooSlow:
            fits = False
        if not fits:
            raise WeakPassword

    return check
