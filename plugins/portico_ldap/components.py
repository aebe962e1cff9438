"""The objects of this plugin, built once per application."""

from dataclasses import dataclass

from portico.api import AppContext
from portico_ldap.provider import LdapSignIn
from portico_ldap.runtime_config import LdapConfig
from portico_ldap.settings import LdapSettings


@dataclass(frozen=True, slots=True)
class LdapComponents:
    """What hooks and routes receive as `plugin`."""

    app: AppContext
    config: LdapConfig
    provider: LdapSignIn


def build_components(app: AppContext, settings: LdapSettings) -> LdapComponents:
    """Build the runtime configuration and the auth provider."""
    config = LdapConfig(app, settings)
    return LdapComponents(app, config, LdapSignIn(app, settings, config))
