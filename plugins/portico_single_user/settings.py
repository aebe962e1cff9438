"""What an operator can set. The variable is that of the reference."""

from typing import Annotated

from portico.api import Section, setting


class SingleUserSettings(Section):
    """Whether anybody has to sign in."""

    sign_in: Annotated[
        bool,
        setting(
            "People sign in; false = whoever comes is the one person of this house, its administrator",
            env="WEBUI_AUTH",
        ),
    ] = True
    allow_remote: Annotated[
        bool,
        setting("Without sign-in, let in whoever reaches the server from other machines too"),
    ] = False
