"""Chats: storage, listing, search, sharing, import and export, and the record of what a model answered."""

import click

from portico.api import (
    AccountDeleting,
    AppContext,
    DatabaseCheck,
    FoldersDeleting,
    Listener,
    PackagedPolicy,
    PluginInfo,
    ResourceKind,
    Retention,
    Service,
    TableSet,
    hookimpl,
)

PLUGIN = PluginInfo(
    api_version=1,
    summary="Chats: create, list, read, change, delete.",
    route_prefixes=("/api/v1/chats",),
)


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of chats."""
    from portico_chats.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `chat` with its actions."""
    actions = ("read", "write", "delete", "share")
    return [ResourceKind("chat", "chats_chat", actions, collection_actions=("export",))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the packaged policy file about chats."""
    return [PackagedPolicy("portico_policies", "chats.csv")]


@hookimpl
def register_services(app: AppContext) -> list[Service]:
    """Return what other plugins use (`ChatStore`, `SharedChats`) and the state that the parts of this plugin share."""
    from portico.api import ChatStore, SharedChats
    from portico_chats.messages import MessageService
    from portico_chats.search.indexer import Indexer
    from portico_chats.sharing.shares import Shares
    from portico_chats.storage.chat_cache import ChatCache
    from portico_chats.storage.seen_revisions import SeenRevisions

    return [
        Service(ChatStore, MessageService(app)),
        Service(Indexer, Indexer()),
        Service(ChatCache, ChatCache()),
        Service(SeenRevisions, SeenRevisions()),
        Service(SharedChats, Shares(app)),
    ]


@hookimpl
def register_retention() -> list[Retention]:
    """Return how long seen revisions and deleted messages are stored."""
    from portico_chats.storage.message_queries import DELETED_RETENTION_DAYS
    from portico_chats.storage.seen_revisions import RETENTION_DAYS

    return [
        Retention("chats_seen", "at", RETENTION_DAYS),
        Retention("chats_deleted_message", "at", DELETED_RETENTION_DAYS),
    ]


@hookimpl
def register_database_checks() -> list[DatabaseCheck]:
    """Return the check for indexed texts whose chat does not exist."""
    from portico_chats.storage.database_checks import checks

    return checks()


@hookimpl
def register_listeners(app: AppContext) -> list[Listener]:
    """Return the listeners: deletion of an account's or a folder's chats, index updates, cache invalidation."""
    from portico.api import ChatChanged
    from portico_chats.deletion import ChatDeleter
    from portico_chats.search.indexer import Indexer
    from portico_chats.storage.chat_cache import ChatCache
    from portico_chats.storage.seen_revisions import SeenRevisions

    deleter = ChatDeleter(app)

    def changed(event: ChatChanged) -> None:
        app.services.require(Indexer).wake()
        if event.change == "deleted":
            app.services.require(ChatCache).forget(event.id)
            app.services.require(SeenRevisions).forget(event.id)

    return [
        Listener(AccountDeleting, deleter.on_account_deleting),
        Listener(FoldersDeleting, deleter.on_folders_deleting),
        Listener(ChatChanged, changed),
    ]


@hookimpl
def register_routes(app: AppContext) -> list[object]:
    """Return the route handlers below `/api/v1/chats`."""
    from portico_chats import routes
    from portico_chats.listing import statistics
    from portico_chats.sharing import routes as share_routes
    from portico_chats.sharing.clones import Clones
    from portico_chats.sharing.shares import Shares
    from portico_chats.transfer import routes as transfer_routes

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
async def startup(app: AppContext) -> None:
    """Start the background indexer."""
    from portico_chats.search.indexer import Indexer

    app.services.require(Indexer).start()


@hookimpl
async def shutdown(app: AppContext) -> None:
    """Stop the background indexer."""
    from portico_chats.search.indexer import Indexer

    await app.services.require(Indexer).stop()
