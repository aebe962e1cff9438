"""The objects of this plugin, built once per application."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portico.api import AppContext
from portico.api.auth import UnusableProvider
from portico_oauth.protocol.registration import Registration
from portico_oauth.registrations import registrations, url_fault

if TYPE_CHECKING:
    from portico_oauth.login.backchannel_logout import BackchannelLogout
    from portico_oauth.login.flow import LoginFlow
    from portico_oauth.login.provider import OAuthProvider
    from portico_oauth.settings import OAuthSettings
    from portico_oauth.token_refresh import TokenRefresher


@dataclass(frozen=True, slots=True)
class OAuthComponents:
    """`providers`: the configured ones by name. `unusable`: those whose settings cannot work."""

    providers: "Mapping[str, OAuthProvider]"
    unusable: tuple[UnusableProvider, ...]
    login: "LoginFlow"
    logout: "BackchannelLogout"
    tokens: "TokenRefresher"


def build_components(app: AppContext, settings: "OAuthSettings") -> OAuthComponents:
    """Build the objects of the plugin. The HTTP client is imported only if a provider is configured."""
    from portico_oauth.login.backchannel_logout import BackchannelLogout
    from portico_oauth.login.flow import LoginFlow
    from portico_oauth.login.used_tokens import UsedTokens
    from portico_oauth.token_refresh import TokenRefresher

    faults = dict(app.runtime_settings.section(type(settings)).faults)
    configured = registrations(settings)
    faults |= {one.name: fault for one in configured if (fault := url_fault(one))}
    usable = [one for one in configured if one.name not in faults]
    providers = _build_providers(app, settings, usable)
    used_tokens = UsedTokens()
    return OAuthComponents(
        providers=providers,
        unusable=tuple(
            UnusableProvider(name=name, label=name, kind="redirect", reason=reason)
            for name, reason in faults.items()
        ),
        login=LoginFlow(app, settings, used_tokens),
        logout=BackchannelLogout(app, used_tokens),
        tokens=TokenRefresher(app, providers, settings.timeout),
    )


def _build_providers(
    app: AppContext, settings: "OAuthSettings", configured: Sequence[Registration]
) -> dict[str, "OAuthProvider"]:
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
