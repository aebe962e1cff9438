"""Sign-in with the password of an LDAP server, such as OpenLDAP or Active Directory."""

from typing import TYPE_CHECKING

from portico.api import AppContext, PluginInfo, Section, hookimpl
from portico.api.auth import AuthProvider
from portico.api.db import TableSet
from portico.api.policy import PackagedPolicy, ResourceKind

if TYPE_CHECKING:
    from portico_ldap.components import LdapComponents
    from portico_ldap.settings import LdapSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sign in with the password of an LDAP server; disabled until ENABLE_LDAP is true.",
    route_prefixes=("/api/v1/auths/ldap", "/api/v1/auths/admin/config/ldap"),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings of the LDAP server and of the accounts of its users."""
    from portico_ldap.settings import LdapSettings

    return LdapSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the table of the encrypted password."""
    from portico_ldap.tables import TABLES

    return TABLES


@hookimpl
def register_components(app: AppContext, settings: "LdapSettings") -> "LdapComponents":
    """Build the runtime configuration and the auth provider."""
    from portico_ldap.components import build_components

    return build_components(app, settings)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the LDAP settings, of which there is one set and no rows."""
    return [ResourceKind("ldap", "", ("read", "write"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of LDAP."""
    return [PackagedPolicy("portico_policies", "ldap.csv")]


@hookimpl
def register_auth_providers(plugin: "LdapComponents") -> list[AuthProvider]:
    """Return the auth provider, which is inactive while LDAP is disabled; an unusable one if the settings cannot work."""
    return [plugin.unusable or plugin.provider]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes of sign-in and of the settings."""
    from portico_ldap.routes import LdapRoutes

    return [LdapRoutes]


@hookimpl
def shutdown(plugin: "LdapComponents") -> None:
    """Stop the threads that resolve host names."""
    plugin.provider.close()
