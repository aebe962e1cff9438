"""API keys: for programs that act as somebody who is not there to sign in."""

import click

from portico.api import (
    AccountChanged,
    AccountDeleted,
    ApiKeyRevoked,
    AppContext,
    Listener,
    PackagedPolicy,
    PluginInfo,
    ResourceKind,
    Section,
    Service,
    TableSet,
    TokenAuthenticator,
    hookimpl,
)

PLUGIN = PluginInfo(
    api_version=1,
    summary="API keys: several for each person, with an end, and good for less than their owner may do.",
    route_prefixes=("/api/v1/auths/api_key", "/api/v1/auths/api_keys"),
    formerly=("keys",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Whether there are keys, and where they are good."""
    from portico_api_keys.settings import ApiKeysSettings

    return ApiKeysSettings


@hookimpl
def register_tables() -> TableSet:
    """Keys, as far as they are kept."""
    from portico_api_keys.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Keys, as policies speak of them."""
    return [ResourceKind("key", "api_keys_key", ("read", "delete"), owner="account_id")]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """The page on keys."""
    return [PackagedPolicy("portico_policies", "keys.csv")]


@hookimpl
def register_services(app: AppContext) -> list[Service]:
    """What this process remembers of keys: who stands behind one, and when it was used."""
    from portico_api_keys.authenticator import KeyCache
    from portico_api_keys.usage import KeyUsage

    return [
        Service(KeyCache, KeyCache(app.identity.settings.session_cache_seconds)),
        Service(KeyUsage, KeyUsage()),
    ]


@hookimpl
def register_token_authenticators(app: AppContext, settings: Section) -> list[TokenAuthenticator]:
    """Who stands behind `sk-…`."""
    from portico_api_keys.authenticator import ApiKeyAuthenticator
    from portico_api_keys.settings import ApiKeysSettings

    assert isinstance(settings, ApiKeysSettings)
    return [ApiKeyAuthenticator(app, settings)]


@hookimpl
def register_listeners(app: AppContext) -> list[Listener]:
    """What makes this process look at keys anew."""
    from portico_api_keys.authenticator import KeyCache

    def forget(_: object) -> None:
        app.services.require(KeyCache).clear()

    return [Listener(event, forget) for event in (ApiKeyRevoked, AccountChanged, AccountDeleted)]


@hookimpl
def register_routes(app: AppContext, settings: Section) -> list[object]:
    """Everything below `/api/v1/auths/api_key` and `/api/v1/auths/api_keys`."""
    from portico_api_keys.routes import routes
    from portico_api_keys.service import Keys
    from portico_api_keys.settings import ApiKeysSettings

    assert isinstance(settings, ApiKeysSettings)
    return routes(Keys(app, settings))


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico keys …`."""
    from portico_api_keys.commands import keys

    cli.add_command(keys)


@hookimpl
def startup(app: AppContext) -> None:
    """Begin to write down when keys were used."""
    from portico_api_keys.usage import KeyUsage

    app.services.require(KeyUsage).start()


@hookimpl
async def shutdown(app: AppContext) -> None:
    """Write down what is not written yet."""
    from portico_api_keys.usage import KeyUsage

    await app.services.require(KeyUsage).stop()
