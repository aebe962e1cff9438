"""Chats: storage, listing, search, sharing, import and export, and the record of what a model answered."""

from typing import TYPE_CHECKING

import click

from portico.api import AppContext, Listener, PluginInfo, Service, hookimpl
from portico.api.auth import AccountDeleting
from portico.api.db import DatabaseCheck, Retention, TableSet
from portico.api.interfaces import (
    ChatAnnotations,
    ChatChanged,
    ChatMentions,
    ChatStore,
    FoldersDeleting,
    MessageEvent,
    ReplyLookup,
    SharedChats,
)
from portico.api.policy import PackagedPolicy, ResourceKind
from portico.api.tasks import TaskType

if TYPE_CHECKING:
    from portico.api.transfer import TransferKind
    from portico_chats.components import ChatsPlugin

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
def register_components(app: AppContext) -> object:
    """Return the services of this plugin and the state they share."""
    from portico_chats.components import ChatsPlugin

    return ChatsPlugin(app)


@hookimpl
def register_services(plugin: "ChatsPlugin") -> list[Service]:
    """Return what other plugins use: the store of replies, titles and tags of chats, and the owners of shared chats."""
    from portico_chats.mentions import StoredMentions
    from portico_chats.replies import StoredReplies

    return [
        Service(ChatStore, plugin.messages),
        Service(ChatAnnotations, plugin.annotations),
        Service(SharedChats, plugin.shares),
        Service(ReplyLookup, StoredReplies()),
        Service(ChatMentions, StoredMentions()),
    ]


@hookimpl
def register_retention() -> list[Retention]:
    """Return how long seen revisions and deleted messages are stored."""
    from portico_chats.storage.message_queries import DELETED_RETENTION_DAYS
    from portico_chats.storage.seen_revisions import RETENTION_DAYS

    return [
        Retention("chats_seen_revision", "at", RETENTION_DAYS),
        Retention("chats_deleted_message", "at", DELETED_RETENTION_DAYS),
    ]


@hookimpl
def register_tasks(plugin: "ChatsPlugin") -> list[TaskType]:
    """Return the periodic task that completes the search index."""
    return [plugin.indexer.task_type()]


@hookimpl
def register_database_checks() -> list[DatabaseCheck]:
    """Return the check for indexed texts whose chat does not exist."""
    from portico_chats.storage.database_checks import checks

    return checks()


@hookimpl
def register_listeners(plugin: "ChatsPlugin") -> list[Listener]:
    """Return the listeners: deletion of an account's or a folder's chats, index, cache, and events for sockets."""
    return [
        Listener(AccountDeleting, plugin.deleter.on_account_deleting),
        Listener(FoldersDeleting, plugin.deleter.on_folders_deleting),
        Listener(ChatChanged, plugin.on_chat_changed),
        Listener(ChatChanged, plugin.notifications.on_chat_changed),
        Listener(MessageEvent, plugin.notifications.on_message_event),
    ]


@hookimpl
def register_transfer_kinds(app: AppContext) -> "list[TransferKind]":
    """Return the chats of exports and imports."""
    from portico_chats.transfer.chat_transfer import ChatTransfer

    return [ChatTransfer(app)]


@hookimpl
def register_routes() -> list[object]:
    """Return the route handlers below `/api/v1/chats`."""
    from portico_chats.routes.chats import ChatRoutes
    from portico_chats.routes.flags import FlagRoutes
    from portico_chats.routes.imports import ImportRoutes
    from portico_chats.routes.lists import ChatListRoutes
    from portico_chats.routes.shares import ShareRoutes
    from portico_chats.routes.tags import TagRoutes

    return [ChatRoutes, ChatListRoutes, FlagRoutes, TagRoutes, ShareRoutes, ImportRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico chat …`, and its former name."""
    from portico_chats.transfer.commands import chat, former_chats

    cli.add_command(chat)
    cli.add_command(former_chats)


@hookimpl
async def startup(plugin: "ChatsPlugin") -> None:
    """Start the background indexer."""
    plugin.indexer.start()


@hookimpl
async def shutdown(plugin: "ChatsPlugin") -> None:
    """Stop the background indexer, and store the seen revisions."""
    await plugin.stop()
