"""What an operator can set. The variables are those of the reference."""

import re
from typing import Annotated

from portico.api import Section, setting

#: What proxies pass on. Many drop a name with an underscore, or make a hyphen of it on the way.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,127}")
#: Headers that say something else, and that clients send themselves.
_NEVER = frozenset(
    [
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "origin",
        "referer",
        "user-agent",
        "x-api-key",
    ]
)


class TrustedHeaderSettings(Section):
    """Which headers say who somebody is. They count only from the proxies that `server.trusted_proxies` names."""

    email_header: Annotated[
        str,
        setting(
            "Header with the e-mail address of whoever the proxy signed in; empty = off",
            env="WEBUI_AUTH_TRUSTED_EMAIL_HEADER",
        ),
    ] = ""
    name_header: Annotated[
        str,
        setting(
            "Header with their name, UTF-8, percent-encoded or not",
            env="WEBUI_AUTH_TRUSTED_NAME_HEADER",
        ),
    ] = ""
    groups_header: Annotated[
        str,
        setting(
            "Header with the names of their groups, separated by commas",
            env="WEBUI_AUTH_TRUSTED_GROUPS_HEADER",
        ),
    ] = ""
    newcomers: Annotated[
        bool | None,
        setting("Whoever has no account is given one; unset = while sign-up is open"),
    ] = None

    def __post_init__(self) -> None:
        """Raises: ValueError for a name that cannot be a header's, or that says something else."""
        names = [one for one in (self.email_header, self.name_header, self.groups_header) if one]
        for name in names:
            if not _NAME.fullmatch(name) or name.lower() in _NEVER:
                raise ValueError(
                    f"{name!r} cannot be a trusted header; use letters, digits and hyphens"
                )
        if len({name.lower() for name in names}) < len(names):
            raise ValueError("each trusted header needs a name of its own")
        if names and not self.email_header:
            raise ValueError("a name or groups say nothing without WEBUI_AUTH_TRUSTED_EMAIL_HEADER")
