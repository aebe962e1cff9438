"""Request and response bodies. Source: the clients' contract, also of the field names."""

from typing import Annotated

import msgspec

#: Returned in place of a stored password; sent back, it leaves the password as it is.
MASK = "********"

ShortText = Annotated[str, msgspec.Meta(max_length=1024)]


class LdapForm(msgspec.Struct, kw_only=True):
    """Name and password of a user of the LDAP server."""

    user: str
    password: str


class LdapSwitch(msgspec.Struct, kw_only=True):
    """Enable or disable sign-in with LDAP. None = disable."""

    enable_ldap: bool | None = None


class LdapState(msgspec.Struct, kw_only=True):
    """Whether sign-in with LDAP is enabled."""

    enable: bool = msgspec.field(name="ENABLE_LDAP")


class LdapServer(msgspec.Struct, kw_only=True):
    """The LDAP server and the search for users. `app_dn_password` is never returned: `********` if one is stored."""

    label: ShortText
    host: ShortText
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    attribute_for_mail: ShortText = "mail"
    attribute_for_username: ShortText = "uid"
    app_dn: ShortText
    app_dn_password: ShortText
    search_base: ShortText
    search_filters: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    use_tls: bool = True
    start_tls: bool | None = None
    certificate_path: ShortText | None = None
    validate_cert: bool = True
    ciphers: ShortText | None = "ALL"
