"""API keys: for programs that act as somebody who is not there to sign in."""

import click

from portico.api import (
    AccountChanged,
    AccountDeleted,
    House,
    KeyRevoked,
    Listener,
    PluginInfo,
    PolicyFile,
    ResourceKind,
    Section,
    Service,
    TableSet,
    TokenReader,
    hookimpl,
)

PLUGIN = PluginInfo(
    api=1,
    summary="API keys: several for each person, with an end, and good for less than their owner may do.",
    claims=("/api/v1/auths/api_key", "/api/v1/auths/api_keys"),
)


@hookimpl
def register_settings() -> type[Section]:
    """Whether there are keys, and where they are good."""
    from portico_keys.settings import Settings

    return Settings


@hookimpl
def register_tables() -> TableSet:
    """Keys, as far as they are kept."""
    from portico_keys.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Keys, as policies speak of them."""
    return [ResourceKind("key", "keys_key", ("read", "delete"), owner="account_id")]


@hookimpl
def register_policies() -> list[PolicyFile]:
    """The page on keys."""
    return [PolicyFile("portico_policies", "keys.csv")]


@hookimpl
def register_services(app: House) -> list[Service]:
    """What this process remembers of keys: who stands behind one, and when it was used."""
    from portico_keys.reader import Keyring
    from portico_keys.uses import Uses

    return [Service(Keyring, Keyring(app.identity.settings.recheck)), Service(Uses, Uses())]


@hookimpl
def register_token_readers(app: House, settings: Section) -> list[TokenReader]:
    """Who stands behind `sk-…`."""
    from portico_keys.reader import KeyReader
    from portico_keys.settings import Settings

    assert isinstance(settings, Settings)
    return [KeyReader(app, settings)]


@hookimpl
def register_listeners(app: House) -> list[Listener]:
    """What makes this process look at keys anew."""
    from portico_keys.reader import Keyring

    def forget(_: object) -> None:
        app.services.need(Keyring).forget()

    return [Listener(event, forget) for event in (KeyRevoked, AccountChanged, AccountDeleted)]


@hookimpl
def register_routes(app: House, settings: Section) -> list[object]:
    """Everything below `/api/v1/auths/api_key` and `/api/v1/auths/api_keys`."""
    from portico_keys.routes import routes
    from portico_keys.service import Keys
    from portico_keys.settings import Settings

    assert isinstance(settings, Settings)
    return routes(Keys(app, settings))


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico keys …`."""
    from portico_keys.commands import keys

    cli.add_command(keys)


@hookimpl
def startup(app: House) -> None:
    """Begin to write down when keys were used."""
    from portico_keys.uses import Uses

    app.services.need(Uses).start()


@hookimpl
async def shutdown(app: House) -> None:
    """Write down what is not written yet."""
    from portico_keys.uses import Uses

    await app.services.need(Uses).stop()
