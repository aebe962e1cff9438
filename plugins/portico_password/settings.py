"""The settings `[plugins.password]`. The variables are those of the reference."""

from typing import Annotated

from portico.api import Section, setting
from portico.api.text import OperatorPattern

#: At least eight characters, among them a lower-case and an upper-case letter, a digit and a symbol.
DEFAULT_PATTERN = r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,}$"


class PasswordSettings(Section):
    """Whether passwords are accepted, and which ones."""

    enable_password_auth: Annotated[
        bool, setting("Accept passwords", env="ENABLE_PASSWORD_AUTH")
    ] = True
    enable_login_form: Annotated[
        bool,
        setting(
            "Clients show the sign-in form; without it, users cannot sign up",
            env="ENABLE_LOGIN_FORM",
            runtime_key="ui.ENABLE_LOGIN_FORM",
        ),
    ] = True
    enable_initial_admin_signup: Annotated[
        bool,
        setting(
            "Allow the sign-up of the first account even if sign-up or the form is off",
            env="ENABLE_INITIAL_ADMIN_SIGNUP",
        ),
    ] = False
    allow_pending_password_change: Annotated[
        bool,
        setting(
            "Users with a pending account may change their password", formerly="pending_may_change"
        ),
    ] = False
    enable_password_validation: Annotated[
        bool,
        setting(
            "Refuse new passwords that do not match password_pattern",
            env="ENABLE_PASSWORD_VALIDATION",
        ),
    ] = False
    password_pattern: Annotated[
        str,
        setting(
            "Regular expression that new passwords must match",
            env="PASSWORD_VALIDATION_REGEX_PATTERN",
        ),
    ] = DEFAULT_PATTERN

    def __post_init__(self) -> None:
        """Raise ValueError for a pattern that is no regular expression, if it is used."""
        if self.enable_password_validation:
            OperatorPattern(self.password_pattern, "PASSWORD_VALIDATION_REGEX_PATTERN")
