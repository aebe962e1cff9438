"""What an operator can set."""

from typing import Annotated

from portico.api import Section, setting


class Settings(Section):
    """How much people see of one another."""

    directory_emails: Annotated[
        bool, setting("People who search for others see and search their e-mail addresses")
    ] = False
