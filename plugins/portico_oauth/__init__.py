"""Signing in at other providers: Google, Microsoft, GitHub, Feishu, and whoever speaks OpenID Connect.

Nothing heavy is imported before a provider is configured, and nobody is asked before somebody goes there.
"""

from typing import TYPE_CHECKING

import click

from portico.api import (
    AuthProvider,
    House,
    PluginInfo,
    ProviderTokens,
    Section,
    Service,
    TableSet,
    hookimpl,
)

if TYPE_CHECKING:
    from portico_oauth.settings import Settings

PLUGIN = PluginInfo(
    api=1,
    summary="Sign in at Google, Microsoft, GitHub, Feishu or any OpenID Connect provider.",
    claims=("/oauth",),
)


@hookimpl
def register_settings() -> type[Section]:
    """The providers, who is let in, and what becomes of what a provider says."""
    from portico_oauth.settings import Settings

    return Settings


@hookimpl
def register_tables() -> TableSet:
    """What providers gave, and what was used once."""
    from portico_oauth.tables import TABLES

    return TABLES


@hookimpl
def register_services(app: House) -> list[Service]:
    """Tokens for whoever speaks to a provider in somebody's name."""
    from portico_oauth.renewing import Tokens

    return [Service(ProviderTokens, Tokens(app))]


@hookimpl
def register_auth_providers(app: House, settings: "Settings") -> list[AuthProvider]:
    """One for each provider whose variables are set."""
    from portico_oauth.registrations import registrations

    known = registrations(settings)
    if not known:
        return []
    from portico_oauth.provider import OAuthProvider
    from portico_oauth.wire import Wire

    return [OAuthProvider(one, settings, app, Wire(settings.timeout)) for one in known]


@hookimpl
def register_routes(app: House, settings: "Settings") -> list[object]:
    """Out to a provider, and back in."""
    from portico_oauth.backchannel import BackChannel
    from portico_oauth.routes import routes
    from portico_oauth.signing_in import SigningIn

    signing_in = SigningIn(app, settings)
    return routes(signing_in, BackChannel(app, signing_in.spent))


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico oidc …`."""
    from portico_oauth.commands import oidc

    cli.add_command(oidc)


@hookimpl
async def shutdown(app: House) -> None:
    """Close the connections to the providers."""
    from portico_oauth.provider import OAuthProvider

    for way in app.identity.ways.values():
        if isinstance(way, OAuthProvider):
            await way.close()
