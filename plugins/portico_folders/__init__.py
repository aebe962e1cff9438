"""Folders for chats: one tree per account. Other plugins store what is in them."""

from typing import TYPE_CHECKING

from portico.api import AppContext, Listener, PluginInfo, Section, Service, hookimpl
from portico.api.auth import AccountDeleting
from portico.api.db import TableSet
from portico.api.interfaces import FolderLookup
from portico.api.policy import PackagedPolicy, ResourceKind

if TYPE_CHECKING:
    from portico.api.transfer import TransferKind
    from portico_folders.components import FoldersPlugin
    from portico_folders.settings import FoldersSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Folders: create, list, read, change, move, delete.",
    route_prefixes=("/api/v1/folders",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: whether folders are enabled, and their limits."""
    from portico_folders.settings import FoldersSettings

    return FoldersSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of folders."""
    from portico_folders.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `folder` with its actions."""
    return [ResourceKind("folder", "folders_folder", ("read", "write", "delete"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the packaged policy file about folders."""
    return [PackagedPolicy("portico_policies", "folders.csv")]


@hookimpl
def register_components(app: AppContext, settings: "FoldersSettings") -> object:
    """Return the services of this plugin."""
    from portico_folders.components import FoldersPlugin

    return FoldersPlugin(app, settings)


@hookimpl
def register_services(settings: "FoldersSettings", plugin: "FoldersPlugin") -> list[Service]:
    """Return the folder lookup for plugins that store things in folders; none while folders are disabled."""
    return [Service(FolderLookup, plugin.lookup)] if settings.enable_folders else []


@hookimpl
def register_listeners(plugin: "FoldersPlugin") -> list[Listener]:
    """Return the listener that deletes an account's folders."""
    return [Listener(AccountDeleting, plugin.folders.on_account_deleting)]


@hookimpl
def register_transfer_kinds() -> "list[TransferKind]":
    """Return the folders of exports and imports."""
    from portico_folders.transfer import FolderTransfer

    return [FolderTransfer()]


@hookimpl
def register_routes() -> list[object]:
    """Return the route handlers below `/api/v1/folders`."""
    from portico_folders.routes import FolderRoutes

    return [FolderRoutes]
