"""Sign-in at Google, Microsoft, GitHub, Feishu and any other OpenID Connect provider.

The HTTP client is imported only if a provider is configured, and no request is sent before a user signs in.
"""

from typing import TYPE_CHECKING

import click

from portico.api import AppContext, PluginInfo, Section, Service, hookimpl
from portico.api.auth import AuthProvider, ProviderTokens
from portico.api.db import Retention, TableSet

if TYPE_CHECKING:
    from portico_oauth.components import OAuthComponents
    from portico_oauth.settings import OAuthSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sign in at Google, Microsoft, GitHub, Feishu or any OpenID Connect provider.",
    route_prefixes=("/oauth",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings of providers, accounts and claims."""
    from portico_oauth.settings import OAuthSettings

    return OAuthSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of provider tokens and of used tokens."""
    from portico_oauth.tables import TABLES

    return TABLES


@hookimpl
def register_components(app: AppContext, settings: "OAuthSettings") -> "OAuthComponents":
    """Build the providers, the login flow, the back-channel logout and the token refresh."""
    from portico_oauth.components import build_components

    return build_components(app, settings)


@hookimpl
def register_retention() -> list[Retention]:
    """Return that used tokens are stored until they expire."""
    return [Retention("oauth_used_token", "expires_at", days=None)]


@hookimpl
def register_services(plugin: "OAuthComponents") -> list[Service]:
    """Return access tokens for plugins that call a provider's API on behalf of a user."""
    return [Service(ProviderTokens, plugin.tokens)]


@hookimpl
def register_auth_providers(plugin: "OAuthComponents") -> list[AuthProvider]:
    """Return one auth provider for each configured provider, an unusable one if its settings cannot work."""
    return [*plugin.providers.values(), *plugin.unusable]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes of login, callback and back-channel logout."""
    from portico_oauth.routes import OAuthRoutes

    return [OAuthRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico oauth …`."""
    from portico_oauth.cli.commands import former_group, oauth

    cli.add_command(oauth)
    cli.add_command(former_group())


@hookimpl
async def shutdown(plugin: "OAuthComponents") -> None:
    """Wait for running refreshes, then close the connections to the providers."""
    await plugin.tokens.close()
    for provider in plugin.providers.values():
        await provider.close()
