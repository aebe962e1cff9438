"""What an operator can set, and what an administrator can change while the house runs. The variables are the reference's."""

from typing import Annotated, Literal

from portico.api import Secret, Section, setting

Merge = Literal["never", "non_admins", "always"]


class LdapSettings(Section):
    """Where the directory is, how people are found in it, and on which terms they come in."""

    enable: Annotated[
        bool,
        setting(
            "People sign in with their directory's password",
            env="ENABLE_LDAP",
            runtime_key="ldap.enable",
        ),
    ] = False
    enable_password_auth: Annotated[
        bool, setting("Accept passwords at all", env="ENABLE_PASSWORD_AUTH")
    ] = True
    label: Annotated[
        str,
        setting(
            "What the form is called", env="LDAP_SERVER_LABEL", runtime_key="ldap.server.label"
        ),
    ] = "LDAP Server"
    host: Annotated[
        str,
        setting(
            "Name or address of the directory, or ldap://… or ldaps://…",
            env="LDAP_SERVER_HOST",
            runtime_key="ldap.server.host",
        ),
    ] = "localhost"
    port: Annotated[
        int | None,
        setting(
            "TCP port; unset = 636, or 389 without use_tls or with start_tls",
            env="LDAP_SERVER_PORT",
            runtime_key="ldap.server.port",
            ge=1,
            le=65535,
        ),
    ] = None
    use_tls: Annotated[
        bool,
        setting(
            "Encrypt; without it passwords travel in the clear",
            env="LDAP_USE_TLS",
            runtime_key="ldap.server.use_tls",
        ),
    ] = True
    start_tls: Annotated[
        bool,
        setting(
            "Encrypt with StartTLS instead of from the first byte",
            runtime_key="ldap.server.start_tls",
        ),
    ] = False
    validate_cert: Annotated[
        bool,
        setting(
            "Check the directory's certificate and its name",
            env="LDAP_VALIDATE_CERT",
            runtime_key="ldap.server.validate_cert",
        ),
    ] = True
    ca_cert_file: Annotated[
        str,
        setting(
            "File with the certificates of the authorities that are believed; empty = the machine's",
            env="LDAP_CA_CERT_FILE",
            runtime_key="ldap.server.ca_cert_file",
        ),
    ] = ""
    ciphers: Annotated[
        str,
        setting(
            "Ciphers in OpenSSL's words; ALL = those that Python thinks safe",
            env="LDAP_CIPHERS",
            runtime_key="ldap.server.ciphers",
        ),
    ] = "ALL"
    app_dn: Annotated[
        str,
        setting(
            "Who searches; empty = nobody in particular",
            env="LDAP_APP_DN",
            runtime_key="ldap.server.app_dn",
        ),
    ] = ""
    app_password: Annotated[Secret, setting("Their password", env="LDAP_APP_PASSWORD")] = Secret()
    search_base: Annotated[
        str,
        setting(
            "The name below which people are looked for",
            env="LDAP_SEARCH_BASE",
            runtime_key="ldap.server.users_dn",
        ),
    ] = ""
    search_filter: Annotated[
        str,
        setting(
            "What else must be true of them, such as (objectClass=person)",
            env=("LDAP_SEARCH_FILTER", "LDAP_SEARCH_FILTERS"),
            runtime_key="ldap.server.search_filter",
        ),
    ] = ""
    attribute_for_mail: Annotated[
        str,
        setting(
            "Where their e-mail address is",
            env="LDAP_ATTRIBUTE_FOR_MAIL",
            runtime_key="ldap.server.attribute_for_mail",
            min_length=1,
        ),
    ] = "mail"
    attribute_for_username: Annotated[
        str,
        setting(
            "Where the name is with which they sign in",
            env="LDAP_ATTRIBUTE_FOR_USERNAME",
            runtime_key="ldap.server.attribute_for_username",
            min_length=1,
        ),
    ] = "uid"
    attribute_for_groups: Annotated[
        str,
        setting(
            "Where the names of their groups are",
            env="LDAP_ATTRIBUTE_FOR_GROUPS",
            runtime_key="ldap.server.attribute_for_groups",
        ),
    ] = "memberOf"
    attribute_for_id: Annotated[
        str,
        setting(
            "Where the directory keeps what never changes of somebody; empty = entryUUID, objectGUID, nsUniqueId "
            "or ipaUniqueID, whichever is there, else the name of the entry"
        ),
    ] = ""
    group_management: Annotated[
        bool,
        setting(
            "People are in exactly the groups of the directory, administrators excepted",
            env="ENABLE_LDAP_GROUP_MANAGEMENT",
            runtime_key="ldap.group.enable_management",
        ),
    ] = False
    group_creation: Annotated[
        bool,
        setting(
            "Groups that are missing are made",
            env="ENABLE_LDAP_GROUP_CREATION",
            runtime_key="ldap.group.enable_creation",
        ),
    ] = False
    admin_groups: Annotated[
        list[str],
        setting(
            "Groups of the directory, by distinguished name or cn, whose members are administrators, and nobody else of "
            "the directory; none = the directory makes nobody one",
            separator=";",
        ),
    ] = []
    newcomers: Annotated[bool, setting("Whoever has no account is given one")] = True
    merge: Annotated[
        Merge,
        setting(
            "Which existing accounts with the same e-mail address are linked at the first sign-in: never, non_admins "
            "or always"
        ),
    ] = "non_admins"
    connect_timeout: Annotated[
        float, setting("Seconds until an address that does not answer is given up", gt=0, le=60)
    ] = 5.0
    timeout: Annotated[
        float, setting("Seconds that a sign-in may take at the directory", gt=0, le=120)
    ] = 10.0
    at_once: Annotated[
        int, setting("Sign-ins that talk to the directory at the same time", ge=1, le=1000)
    ] = 16
    waiting: Annotated[
        int, setting("Sign-ins that wait for their turn; more are refused", ge=0, le=10000)
    ] = 64
