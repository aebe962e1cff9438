"""What an operator can set. The variables are those of the reference."""

from typing import Annotated

from portico.api import Section, setting

#: At least eight characters, among them a lower-case and an upper-case letter, a digit and a symbol.
PATTERN = r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,}$"


class PasswordSettings(Section):
    """Whether passwords are accepted, and which ones."""

    enable_password_auth: Annotated[
        bool, setting("Accept passwords at all", env="ENABLE_PASSWORD_AUTH")
    ] = True
    enable_login_form: Annotated[
        bool,
        setting(
            "Clients show the form; without it nobody signs up",
            env="ENABLE_LOGIN_FORM",
            runtime_key="ui.ENABLE_LOGIN_FORM",
        ),
    ] = True
    enable_initial_admin_signup: Annotated[
        bool,
        setting(
            "Let the very first account sign up although sign-up or the form is off",
            env="ENABLE_INITIAL_ADMIN_SIGNUP",
        ),
    ] = False
    pending_may_change: Annotated[
        bool, setting("Accounts that nobody has let in yet may change their password")
    ] = False
    enable_password_validation: Annotated[
        bool, setting("Hold new passwords to the pattern", env="ENABLE_PASSWORD_VALIDATION")
    ] = False
    password_pattern: Annotated[
        str,
        setting(
            "Regular expression that a new password has to match",
            env="PASSWORD_VALIDATION_REGEX_PATTERN",
        ),
    ] = PATTERN
