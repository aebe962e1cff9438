"""The operator's rule for new passwords."""

from portico.api import InvalidRequest
from portico.api.auth import PasswordRule
from portico.api.messages import INVALID_PASSWORD
from portico.api.text import OperatorPattern, PatternTooSlow


class WeakPassword(InvalidRequest):
    """The password does not match the operator's pattern."""

    default = INVALID_PASSWORD


def password_rule(pattern: str) -> PasswordRule:
    """Return a check that raises WeakPassword for passwords that do not match. Raises: ValueError for an invalid pattern.

    A password for which matching takes too long is refused.
    """
    rule = OperatorPattern(pattern, "PASSWORD_VALIDATION_REGEX_PATTERN")

    def check(password: str) -> None:
        try:
            matches = rule.matches(password)
        except PatternTooSlow:
            matches = False
        if not matches:
            raise WeakPassword

    return check
