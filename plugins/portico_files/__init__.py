"""Files: upload, list, read, delete. They are stored on disk or in an S3-compatible store, and models can read them."""

from typing import TYPE_CHECKING

import click

from portico.api import AppContext, Listener, PluginInfo, Section, Service, hookimpl
from portico.api.auth import AccountDeleting
from portico.api.db import StoredContents, TableSet
from portico.api.interfaces import ChatChanged, FileLookup
from portico.api.models import ModelFilter
from portico.api.policy import PackagedPolicy, ResourceKind

if TYPE_CHECKING:
    from portico.api.transfer import TransferKind
    from portico_files.components import FilesPlugin
    from portico_files.settings import FilesSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Files: upload, list, read, delete.",
    route_prefixes=("/api/v1/files", "/api/v1/retrieval/process/web"),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: limits, and where files are stored."""
    from portico_files.settings import FilesSettings

    return FilesSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of files."""
    from portico_files.tables import TABLES

    return TABLES


@hookimpl
def register_stored_contents(plugin: "FilesPlugin") -> list[StoredContents]:
    """Return the contents of files, which a backup has to have."""
    return [StoredContents("files", plugin.store, "files_file")]


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `file`."""
    actions = ("read", "write", "delete")
    return [ResourceKind("file", "files_file", actions, collection_actions=("delete_all",))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the packaged policy file about files."""
    return [PackagedPolicy("portico_policies", "files.csv")]


@hookimpl
def register_components(app: AppContext, settings: "FilesSettings") -> object:
    """Return the services of this plugin."""
    from portico_files.components import FilesPlugin

    return FilesPlugin(app, settings)


@hookimpl
def register_model_filters(plugin: "FilesPlugin") -> list[ModelFilter]:
    """Return the filter that gives models the files that are attached to a request."""
    return [plugin.filter.model_filter()]


@hookimpl
def register_services(plugin: "FilesPlugin") -> list[Service]:
    """Return what says who may read files that models are given."""
    return [Service(FileLookup, plugin.filter.found)]


@hookimpl
def register_listeners(plugin: "FilesPlugin") -> list[Listener]:
    """Return the listeners that delete the files of an account, and of a chat."""
    return [
        Listener(AccountDeleting, plugin.files.on_account_deleting),
        Listener(ChatChanged, plugin.chat_files.on_chat_changed),
    ]


@hookimpl
def register_transfer_kinds(plugin: "FilesPlugin") -> "list[TransferKind]":
    """Return the files of exports and imports."""
    return [plugin.transfer]


@hookimpl
def register_routes() -> list[object]:
    """Return the route handlers below `/api/v1/files`."""
    from portico_files.content_routes import ContentRoutes
    from portico_files.routes import FileRoutes

    return [FileRoutes, ContentRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico file check`."""
    from portico_files.commands import file

    cli.add_command(file)


@hookimpl
async def startup(plugin: "FilesPlugin") -> None:
    """Open the store, and delete what an earlier process has left in it. Raises: OperatorError."""
    await plugin.start()


@hookimpl
async def shutdown(plugin: "FilesPlugin") -> None:
    """Stop deleting, and close the store."""
    await plugin.stop()
