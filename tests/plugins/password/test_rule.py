"""The operator's rule for new passwords."""

import pytest

from portico_password.rule import WeakPassword, password_rule
from portico_password.settings import PATTERN


@pytest.mark.parametrize("password", ["Strong-1", "aB3$aB3$", "Ünïcode-Pass1"])
def test_the_default_pattern_takes_a_mixed_password(password: str) -> None:
    password_rule(PATTERN)(password)


@pytest.mark.parametrize(
    "password", ["Short-1", "nouppercase-1", "NOLOWERCASE-1", "NoDigits-", "NoSymbols1"]
)
def test_the_default_pattern_refuses_what_lacks_something(password: str) -> None:
    with pytest.raises(WeakPassword):
        password_rule(PATTERN)(password)


def test_a_bad_pattern_is_found_at_boot_and_named() -> None:
    with pytest.raises(ValueError, match="PASSWORD_VALIDATION_REGEX_PATTERN"):
        password_rule("(")
