"""Signing in with the password of a directory that speaks LDAP, such as OpenLDAP or Active Directory."""

from portico.api import (
    AppContext,
    AuthProvider,
    DomainError,
    OperatorError,
    PackagedPolicy,
    PluginInfo,
    ResourceKind,
    Section,
    TableSet,
    hookimpl,
)

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sign in with the password of a directory (LDAP); off until ENABLE_LDAP is true.",
    route_prefixes=("/api/v1/auths/ldap", "/api/v1/auths/admin/config/ldap"),
)


@hookimpl
def register_settings() -> type[Section]:
    """Which directory, and on which terms its people come in."""
    from portico_ldap.settings import LdapSettings

    return LdapSettings


@hookimpl
def register_tables() -> TableSet:
    """The password for the directory, locked."""
    from portico_ldap.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """The directory, as policies speak of it: there is one, and it has no rows."""
    return [ResourceKind("ldap", "", ("read", "write"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """The page on it."""
    return [PackagedPolicy("portico_policies", "ldap.csv")]


@hookimpl
def register_auth_providers(app: AppContext, settings: Section) -> list[AuthProvider]:
    """The form, which is shut while the directory is off."""
    from portico_ldap.provider import LdapSignIn
    from portico_ldap.settings import LdapSettings

    assert isinstance(settings, LdapSettings)
    return [LdapSignIn(app, settings)]


@hookimpl
def register_routes(app: AppContext, settings: Section) -> list[object]:
    """The door, and the administrator's."""
    from portico_ldap.routes import routes
    from portico_ldap.runtime_config import LdapConfig
    from portico_ldap.settings import LdapSettings

    assert isinstance(settings, LdapSettings)
    return routes(app, LdapConfig(app, settings))


@hookimpl
def startup(settings: Section) -> None:
    """Complain now of what would keep everybody out later."""
    from portico_ldap.runtime_config import check_usable
    from portico_ldap.settings import LdapSettings

    assert isinstance(settings, LdapSettings)
    if settings.enable:
        try:
            check_usable(settings)
        except DomainError as error:
            raise OperatorError(f"plugins.ldap: {error.detail}") from error


@hookimpl
def shutdown(app: AppContext) -> None:
    """Let go of the threads that look up names."""
    from portico_ldap.provider import LdapSignIn

    way = app.identity.auth.providers.get("ldap")
    if isinstance(way, LdapSignIn):
        way.close()
