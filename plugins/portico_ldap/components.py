"""The objects of this plugin, built once per application."""

from dataclasses import dataclass

from portico.api import AppContext
from portico.api.auth import UnusableProvider
from portico_ldap.provider import LdapSignIn
from portico_ldap.runtime_config import LdapConfig, settings_fault
from portico_ldap.settings import LdapSettings


@dataclass(frozen=True, slots=True)
class LdapComponents:
    """What hooks and routes receive as `plugin`. `unusable`: in place of the provider, if the settings cannot work."""

    app: AppContext
    config: LdapConfig
    provider: LdapSignIn
    unusable: UnusableProvider | None


def build_components(app: AppContext, settings: LdapSettings) -> LdapComponents:
    """Build the runtime configuration and the auth provider."""
    config = LdapConfig(app, settings)
    unusable = None
    if reason := settings.enable and settings_fault(settings):
        unusable = UnusableProvider(
            name=LdapSignIn.name, label=settings.label, kind=LdapSignIn.kind, reason=reason
        )
    return LdapComponents(app, config, LdapSignIn(app, settings, config), unusable)
