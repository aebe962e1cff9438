"""The settings `[plugins.single_user]`. The variable is that of the reference."""

from typing import Annotated

from portico.api import Section, setting


class SingleUserSettings(Section):
    """Whether users have to sign in."""

    require_sign_in: Annotated[
        bool,
        setting(
            "Users sign in; false = all requests come from one user, the administrator",
            env="WEBUI_AUTH",
            formerly="sign_in",
        ),
    ] = True
    allow_remote: Annotated[
        bool,
        setting("Accept requests from other machines without sign-in"),
    ] = False
