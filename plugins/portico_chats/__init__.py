"""Conversations: keeping them, listing them, and writing down what a model answered."""

import click

from portico.api import (
    AccountLeaving,
    DatabaseCheck,
    FoldersLeaving,
    House,
    Listener,
    PluginInfo,
    PolicyFile,
    ResourceKind,
    Retention,
    Service,
    TableSet,
    hookimpl,
)

PLUGIN = PluginInfo(
    api=1,
    summary="Chats: create, list, read, change, delete.",
    claims=("/api/v1/chats",),
)


@hookimpl
def register_tables() -> TableSet:
    """Chats."""
    from portico_chats.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Chats, as policies speak of them."""
    actions = ("read", "write", "delete", "share")
    return [ResourceKind("chat", "chats_chat", actions, general=("export",))]


@hookimpl
def register_policies() -> list[PolicyFile]:
    """The page on chats."""
    return [PolicyFile("portico_policies", "chats.csv")]


@hookimpl
def register_services(app: House) -> list[Service]:
    """Where a completion leaves its reply; whose a shared chat is; and what the rooms of chats have in common."""
    from portico.api import Conversations, SharedConversations
    from portico_chats.replies import Replies
    from portico_chats.search.index import Indexer
    from portico_chats.sharing.shares import Shares
    from portico_chats.storage.memory import Memory
    from portico_chats.storage.seen import Seen

    return [
        Service(Conversations, Replies(app)),
        Service(Indexer, Indexer()),
        Service(Memory, Memory()),
        Service(Seen, Seen()),
        Service(SharedConversations, Shares(app)),
    ]


@hookimpl
def register_retention() -> list[Retention]:
    """Which state of a chat was shown to which session, and which messages were deleted."""
    from portico_chats.storage.message_rows import DELETED_KEPT_DAYS
    from portico_chats.storage.seen import KEPT_DAYS

    return [
        Retention("chats_seen", "at", KEPT_DAYS),
        Retention("chats_deleted_message", "at", DELETED_KEPT_DAYS),
    ]


@hookimpl
def register_database_checks() -> list[DatabaseCheck]:
    """Texts for the search whose chat is gone."""
    from portico_chats.storage.checks import checks

    return checks()


@hookimpl
def register_listeners(app: House) -> list[Listener]:
    """What becomes of the chats of somebody who leaves, and of those in folders that are deleted.

    And who goes by what is written: the index, and what is remembered of a chat.
    """
    from portico.api import ChatChanged
    from portico_chats.removal import Removal
    from portico_chats.search.index import Indexer
    from portico_chats.storage.memory import Memory
    from portico_chats.storage.seen import Seen

    removal = Removal(app)

    def changed(event: ChatChanged) -> None:
        app.services.need(Indexer).wake()
        if event.change == "deleted":
            app.services.need(Memory).forget(event.id)
            app.services.need(Seen).forget(event.id)

    return [
        Listener(AccountLeaving, removal.account_leaving),
        Listener(FoldersLeaving, removal.folders_leaving),
        Listener(ChatChanged, changed),
    ]


@hookimpl
def register_routes(app: House) -> list[object]:
    """Everything below `/api/v1/chats`."""
    from portico_chats import routes
    from portico_chats.lists import statistics
    from portico_chats.sharing import share_routes
    from portico_chats.sharing.clones import Clones
    from portico_chats.sharing.shares import Shares
    from portico_chats.transfer import transfer_routes

    shares = Shares(app)
    return [
        *routes.routes(app),
        *share_routes.routes(shares, Clones(app, shares)),
        *transfer_routes.routes(app),
        *statistics.routes(),
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico chats …`."""
    from portico_chats.transfer.commands import chats

    cli.add_command(chats)


@hookimpl
async def startup(app: House) -> None:
    """Begins to take texts into the index."""
    from portico_chats.search.index import Indexer

    app.services.need(Indexer).start()


@hookimpl
async def shutdown(app: House) -> None:
    """Ends it."""
    from portico_chats.search.index import Indexer

    await app.services.need(Indexer).stop()
