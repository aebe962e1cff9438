"""API keys: credentials of programs that act for a user without signing in."""

import click

from portico.api import AppContext, Listener, PluginInfo, Section, Service, hookimpl
from portico.api.auth import AccountChanged, AccountDeleted, ApiKeyRevoked, TokenAuthenticator
from portico.api.db import TableSet
from portico.api.interfaces import ApiKeyLookup
from portico.api.policy import PackagedPolicy, ResourceKind
from portico.api.transfer import TransferKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="API keys: several per user, with an expiry date and restrictions.",
    route_prefixes=("/api/v1/auths/api_key", "/api/v1/auths/api_keys"),
    formerly=("keys",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: whether keys are accepted, and how they are restricted."""
    from portico_api_keys.settings import ApiKeysSettings

    return ApiKeysSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of keys."""
    from portico_api_keys.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return keys as a kind of resource."""
    return [ResourceKind("api_key", "api_keys_key", ("read", "delete"), owner="account_id")]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of keys."""
    return [PackagedPolicy("portico_policies", "api_keys.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the service, the authenticator and what they share."""
    from portico_api_keys.components import build

    return build(app)


@hookimpl
def register_services(plugin: object) -> list[Service]:
    """Return the lookup of keys by id."""
    from portico_api_keys.components import ApiKeysPlugin

    assert isinstance(plugin, ApiKeysPlugin)
    return [Service(ApiKeyLookup, plugin.service)]


@hookimpl
def register_token_authenticators(plugin: object) -> list[TokenAuthenticator]:
    """Return the authenticator of tokens that begin with `sk-`."""
    from portico_api_keys.components import ApiKeysPlugin

    assert isinstance(plugin, ApiKeysPlugin)
    return [plugin.authenticator]


@hookimpl
def register_listeners(plugin: object) -> list[Listener]:
    """Return listeners that clear the cache of keys when a key or an account changes."""
    from portico_api_keys.components import ApiKeysPlugin

    assert isinstance(plugin, ApiKeysPlugin)
    cache = plugin.cache

    def clear_cache(_: object) -> None:
        cache.clear()

    events = (ApiKeyRevoked, AccountChanged, AccountDeleted)
    return [Listener(event, clear_cache) for event in events]


@hookimpl
def register_transfer_kinds(app: AppContext) -> list[TransferKind]:
    """Return API keys, of which exports have digests only."""
    from portico_api_keys.transfer import ApiKeyTransfer

    return [ApiKeyTransfer(app)]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/auths/api_key` and `/api/v1/auths/api_keys`."""
    from portico_api_keys.routes import ClientKeyRoutes, KeyRoutes

    return [ClientKeyRoutes, KeyRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico api-key …`."""
    from portico.api.cli import renamed_command
    from portico_api_keys.commands import api_key

    cli.add_command(api_key)
    cli.add_command(renamed_command("keys", "portico api-key"))


@hookimpl
def startup(plugin: object) -> None:
    """Start to record when keys are used."""
    from portico_api_keys.components import ApiKeysPlugin

    assert isinstance(plugin, ApiKeysPlugin)
    plugin.usage.start()


@hookimpl
async def shutdown(plugin: object) -> None:
    """Write the times of use that are not written yet."""
    from portico_api_keys.components import ApiKeysPlugin

    assert isinstance(plugin, ApiKeysPlugin)
    await plugin.usage.stop()
