"""The JSON that goes in and out. Source: the clients' contract; field names are theirs."""

from typing import Annotated

import msgspec

#: What stands for a password that is there: shown instead of it, and sent back if it is to stay.
MASK = "********"

Line = Annotated[str, msgspec.Meta(max_length=1024)]


class LdapForm(msgspec.Struct, kw_only=True):
    """Who somebody says they are in the directory, and the proof."""

    user: str
    password: str


class LdapSwitch(msgspec.Struct, kw_only=True):
    """Whether people sign in by the directory. None = no."""

    enable_ldap: bool | None = None


class LdapState(msgspec.Struct, kw_only=True):
    """Whether people sign in by the directory."""

    enable: bool = msgspec.field(name="ENABLE_LDAP")


class LdapServer(msgspec.Struct, kw_only=True):
    """The directory and how people are found in it. `app_dn_password` is never told: `********` if there is one."""

    label: Line
    host: Line
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    attribute_for_mail: Line = "mail"
    attribute_for_username: Line = "uid"
    app_dn: Line
    app_dn_password: Line
    search_base: Line
    search_filters: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    use_tls: bool = True
    start_tls: bool | None = None
    certificate_path: Line | None = None
    validate_cert: bool = True
    ciphers: Line | None = "ALL"
