"""The operator's rule for new passwords."""

import pytest

from portico_password.rule import WeakPassword, password_rule
from portico_password.settings import DEFAULT_PATTERN, PasswordSettings


@pytest.mark.parametrize("password", ["Strong-1", "aB3$aB3$", "Ünïcode-Pass1"])
def test_default_pattern_accepts_a_mixed_password(password: str) -> None:
    password_rule(DEFAULT_PATTERN)(password)


@pytest.mark.parametrize(
    "password", ["Short-1", "nouppercase-1", "NOLOWERCASE-1", "NoDigits-", "NoSymbols1"]
)
def test_default_pattern_refuses_weak_passwords(password: str) -> None:
    with pytest.raises(WeakPassword):
        password_rule(DEFAULT_PATTERN)(password)


def test_invalid_pattern_is_refused_at_boot() -> None:
    with pytest.raises(ValueError, match="PASSWORD_VALIDATION_REGEX_PATTERN"):
        PasswordSettings(enable_password_validation=True, password_pattern="(")
    assert PasswordSettings(password_pattern="(")
    with pytest.raises(ValueError, match="PASSWORD_VALIDATION_REGEX_PATTERN"):
        password_rule("(")
