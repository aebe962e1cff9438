"""The settings `[plugins.trusted_header]`. The variables are those of the reference."""

import re
from typing import Annotated, Literal

from portico.api import Section, setting

#: The name of the auth provider.
PROVIDER = "trusted_header"
#: Names that proxies forward. Many drop a name with an underscore, or replace it by a hyphen.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,127}")
#: Headers with another meaning, which clients send themselves.
_RESERVED = frozenset(
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
    """The headers that name the user. They are accepted only from the proxies in `server.trusted_proxies`."""

    email_header: Annotated[
        str,
        setting(
            "Header with the e-mail address of the user that the proxy signed in; empty = off",
            env="WEBUI_AUTH_TRUSTED_EMAIL_HEADER",
            form="token",
            part=PROVIDER,
        ),
    ] = ""
    name_header: Annotated[
        str,
        setting(
            "Header with the name of the user, in UTF-8, percent-encoded or not, or in encoded words",
            env="WEBUI_AUTH_TRUSTED_NAME_HEADER",
            form="token",
            part=PROVIDER,
        ),
    ] = ""
    groups_header: Annotated[
        str,
        setting(
            "Header with the names of the user's groups, separated by commas or |",
            env="WEBUI_AUTH_TRUSTED_GROUPS_HEADER",
            form="token",
            part=PROVIDER,
        ),
    ] = ""
    groups_separator: Annotated[
        Literal["", ",", "|"],
        setting(
            "What separates the names of groups; empty = | if the header contains one, else a comma",
            part=PROVIDER,
        ),
    ] = ""
    create_accounts: Annotated[
        bool | None,
        setting(
            "Create accounts for new users; unset = while sign-up is open",
            formerly="newcomers",
            part=PROVIDER,
        ),
    ] = None

    @property
    def fault(self) -> str:
        """Why no user can be identified with these headers; empty if one can, or none is configured."""
        settings = {
            "email_header (WEBUI_AUTH_TRUSTED_EMAIL_HEADER)": self.email_header,
            "name_header (WEBUI_AUTH_TRUSTED_NAME_HEADER)": self.name_header,
            "groups_header (WEBUI_AUTH_TRUSTED_GROUPS_HEADER)": self.groups_header,
        }
        names = {key: name for key, name in settings.items() if name}
        for key, name in names.items():
            if fault := name_fault(name):
                return f"plugins.trusted_header.{key}: {fault}"
        if len({name.lower() for name in names.values()}) < len(names):
            return f"plugins.trusted_header: {', '.join(names)} have the same name"
        if names and not self.email_header:
            return (
                f"plugins.trusted_header: {', '.join(names)} need WEBUI_AUTH_TRUSTED_EMAIL_HEADER"
            )
        return ""


def name_fault(name: str) -> str:
    """Return why this cannot be the name of a trusted header; empty if it can."""
    if _NAME.fullmatch(name) and name.lower() not in _RESERVED:
        return ""
    return f"{name!r} cannot be a trusted header; use letters, digits and hyphens"
