"""Settings of sign-in with LDAP. The variables are those of the reference."""

from typing import Annotated, Literal

from portico.api import Secret, Section, setting

LinkByEmail = Literal["never", "non_admins", "always"]


class LdapSettings(Section):
    """The LDAP server, the search for users, and the rules for their accounts."""

    enable: Annotated[
        bool,
        setting(
            "Enable sign-in with LDAP",
            env="ENABLE_LDAP",
            runtime_key="ldap.enable",
        ),
    ] = False
    enable_password_auth: Annotated[
        bool, setting("Accept passwords at sign-in", env="ENABLE_PASSWORD_AUTH")
    ] = True
    label: Annotated[
        str,
        setting(
            "Title of the sign-in form", env="LDAP_SERVER_LABEL", runtime_key="ldap.server.label"
        ),
    ] = "LDAP Server"
    host: Annotated[
        str,
        setting(
            "Name or address of the LDAP server, or ldap://… or ldaps://…",
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
            "Encrypt the connection; without it, passwords are sent in clear text",
            env="LDAP_USE_TLS",
            runtime_key="ldap.server.use_tls",
        ),
    ] = True
    start_tls: Annotated[
        bool,
        setting(
            "Encrypt with StartTLS instead of ldaps",
            runtime_key="ldap.server.start_tls",
        ),
    ] = False
    validate_cert: Annotated[
        bool,
        setting(
            "Verify the server's certificate and its name",
            env="LDAP_VALIDATE_CERT",
            runtime_key="ldap.server.validate_cert",
        ),
    ] = True
    ca_cert_file: Annotated[
        str,
        setting(
            "File with the certificates of trusted authorities; empty = those of the system",
            env="LDAP_CA_CERT_FILE",
            runtime_key="ldap.server.ca_cert_file",
        ),
    ] = ""
    ciphers: Annotated[
        str,
        setting(
            "TLS ciphers as an OpenSSL cipher list; ALL = Python's default ciphers",
            env="LDAP_CIPHERS",
            runtime_key="ldap.server.ciphers",
        ),
    ] = "ALL"
    app_dn: Annotated[
        str,
        setting(
            "Distinguished name of the account that searches for users; empty = anonymous",
            env="LDAP_APP_DN",
            runtime_key="ldap.server.app_dn",
        ),
    ] = ""
    app_password: Annotated[
        Secret, setting("Password of that account", env="LDAP_APP_PASSWORD")
    ] = Secret()
    search_base: Annotated[
        str,
        setting(
            "Distinguished name below which users are searched",
            env="LDAP_SEARCH_BASE",
            runtime_key="ldap.server.users_dn",
        ),
    ] = ""
    search_filter: Annotated[
        str,
        setting(
            "Filter that users must match too, such as (objectClass=person)",
            env=("LDAP_SEARCH_FILTER", "LDAP_SEARCH_FILTERS"),
            runtime_key="ldap.server.search_filter",
        ),
    ] = ""
    attribute_for_mail: Annotated[
        str,
        setting(
            "Attribute with the e-mail address",
            env="LDAP_ATTRIBUTE_FOR_MAIL",
            runtime_key="ldap.server.attribute_for_mail",
            min_length=1,
        ),
    ] = "mail"
    attribute_for_username: Annotated[
        str,
        setting(
            "Attribute with the name that users sign in with",
            env="LDAP_ATTRIBUTE_FOR_USERNAME",
            runtime_key="ldap.server.attribute_for_username",
            min_length=1,
        ),
    ] = "uid"
    attribute_for_groups: Annotated[
        str,
        setting(
            "Attribute with the distinguished names of the groups",
            env="LDAP_ATTRIBUTE_FOR_GROUPS",
            runtime_key="ldap.server.attribute_for_groups",
        ),
    ] = "memberOf"
    attribute_for_id: Annotated[
        str,
        setting(
            "Attribute with an id that never changes; empty = the first of entryUUID, objectGUID, nsUniqueId and "
            "ipaUniqueID that exists, else the distinguished name"
        ),
    ] = ""
    group_management: Annotated[
        bool,
        setting(
            "Set the groups of a user from LDAP at each sign-in, except for administrators",
            env="ENABLE_LDAP_GROUP_MANAGEMENT",
            runtime_key="ldap.group.enable_management",
        ),
    ] = False
    group_creation: Annotated[
        bool,
        setting(
            "Create groups that do not exist",
            env="ENABLE_LDAP_GROUP_CREATION",
            runtime_key="ldap.group.enable_creation",
        ),
    ] = False
    admin_groups: Annotated[
        list[str],
        setting(
            "Groups of the LDAP server whose members are administrators, by distinguished name or cn; other users of the "
            "server are not; none = LDAP does not change roles",
            separator=";",
        ),
    ] = []
    create_accounts: Annotated[
        bool, setting("Create an account for a new user", formerly="newcomers")
    ] = True
    link_by_email: Annotated[
        LinkByEmail,
        setting(
            "Which existing accounts with the same e-mail address are linked at the first sign-in: never, non_admins "
            "or always",
            formerly="merge",
        ),
    ] = "non_admins"
    connect_timeout: Annotated[
        float, setting("Seconds to wait for a connection to one address", gt=0, le=60)
    ] = 5.0
    timeout: Annotated[
        float, setting("Seconds that a sign-in may take at the LDAP server", gt=0, le=120)
    ] = 10.0
    max_connections: Annotated[
        int,
        setting(
            "Connections to the LDAP server at the same time", formerly="at_once", ge=1, le=1000
        ),
    ] = 16
    max_queued: Annotated[
        int,
        setting(
            "Sign-ins that wait for a connection; further ones get status 429",
            formerly="waiting",
            ge=0,
            le=10000,
        ),
    ] = 64
