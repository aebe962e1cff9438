"""Signing in at other providers: Google, Microsoft, GitHub, Feishu, and whoever speaks OpenID Connect.

Nothing heavy is imported before a provider is configured, and nobody is asked before somebody goes there.
"""

from typing import TYPE_CHECKING

import click

from portico.api import (
    AppContext,
    AuthProvider,
    PluginInfo,
    ProviderTokens,
    Section,
    Service,
    TableSet,
    hookimpl,
)

if TYPE_CHECKING:
    from portico_oauth.settings import OAuthSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sign in at Google, Microsoft, GitHub, Feishu or any OpenID Connect provider.",
    route_prefixes=("/oauth",),
)


@hookimpl
def register_settings() -> type[Section]:
    """The providers, who is let in, and what becomes of what a provider says."""
    from portico_oauth.settings import OAuthSettings

    return OAuthSettings


@hookimpl
def register_tables() -> TableSet:
    """What providers gave, and what was used once."""
    from portico_oauth.tables import TABLES

    return TABLES


@hookimpl
def register_services(app: AppContext) -> list[Service]:
    """Tokens for whoever speaks to a provider in somebody's name."""
    from portico_oauth.token_refresh import TokenRefresher

    return [Service(ProviderTokens, TokenRefresher(app))]


@hookimpl
def register_auth_providers(app: AppContext, settings: "OAuthSettings") -> list[AuthProvider]:
    """One for each provider whose variables are set."""
    from portico_oauth.registrations import registrations

    known = registrations(settings)
    if not known:
        return []
    from portico_oauth.login.provider import OAuthProvider
    from portico_oauth.protocol.http import ProviderHTTP

    return [OAuthProvider(one, settings, app, ProviderHTTP(settings.timeout)) for one in known]


@hookimpl
def register_routes(app: AppContext, settings: "OAuthSettings") -> list[object]:
    """Out to a provider, and back in."""
    from portico_oauth.login.backchannel_logout import BackChannel
    from portico_oauth.login.flow import LoginFlow
    from portico_oauth.routes import routes

    signing_in = LoginFlow(app, settings)
    return routes(signing_in, BackChannel(app, signing_in.spent))


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico oidc …`."""
    from portico_oauth.cli.commands import oidc

    cli.add_command(oidc)


@hookimpl
async def shutdown(app: AppContext) -> None:
    """Close the connections to the providers."""
    from portico_oauth.login.provider import OAuthProvider

    for way in app.identity.auth.providers.values():
        if isinstance(way, OAuthProvider):
            await way.close()
