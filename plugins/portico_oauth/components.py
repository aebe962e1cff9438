"""The objects of this plugin, built once per application."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portico.api import AppContext
from portico_oauth.registrations import registrations

if TYPE_CHECKING:
    from portico_oauth.login.backchannel_logout import BackchannelLogout
    from portico_oauth.login.flow import LoginFlow
    from portico_oauth.login.provider import OAuthProvider
    from portico_oauth.settings import OAuthSettings
    from portico_oauth.token_refresh import TokenRefresher


@dataclass(frozen=True, slots=True)
class OAuthComponents:
    """`providers`: the configured ones by name."""

    providers: "Mapping[str, OAuthProvider]"
    login: "LoginFlow"
    logout: "BackchannelLogout"
    tokens: "TokenRefresher"


def build_components(app: AppContext, settings: "OAuthSettings") -> OAuthComponents:
    """Build the objects of the plugin. The HTTP client is imported only if a provider is configured."""
    from portico_oauth.login.backchannel_logout import BackchannelLogout
    from portico_oauth.login.flow import LoginFlow
    from portico_oauth.login.used_tokens import UsedTokens
    from portico_oauth.token_refresh import TokenRefresher

    providers = _build_providers(app, settings)
    used_tokens = UsedTokens()
    return OAuthComponents(
        providers=providers,
        login=LoginFlow(app, settings, used_tokens),
        logout=BackchannelLogout(app, used_tokens),
        tokens=TokenRefresher(app, providers, settings.timeout),
    )


def _build_providers(app: AppContext, settings: "OAuthSettings") -> dict[str, "OAuthProvider"]:
    configured = registrations(settings)
    if not configured:
        return {}
    from portico_oauth.login.provider import OAuthProvider
    from portico_oauth.protocol.http import ProviderHTTP

    return {
        registration.name: OAuthProvider(
            registration, settings, app, ProviderHTTP(settings.timeout, app.http.rules)
        )
        for registration in configured
    }
