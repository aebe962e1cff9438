"""Folders for chats: one tree per account. Other plugins store what is in them."""

from portico.api import (
    AccountDeleting,
    AppContext,
    FolderLookup,
    Listener,
    PackagedPolicy,
    PluginInfo,
    ResourceKind,
    Section,
    Service,
    TableSet,
    hookimpl,
)

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
def register_services(app: AppContext, settings: Section) -> list[Service]:
    """Return the folder lookup for plugins that store things in folders; none while folders are disabled."""
    from portico_folders.lookup import StoredFolderLookup
    from portico_folders.settings import FoldersSettings

    assert isinstance(settings, FoldersSettings)
    return (
        [Service(FolderLookup, StoredFolderLookup(app, settings))]
        if settings.enable_folders
        else []
    )


@hookimpl
def register_listeners(app: AppContext, settings: Section) -> list[Listener]:
    """Return the listener that deletes an account's folders."""
    from portico_folders.service import FolderService
    from portico_folders.settings import FoldersSettings

    assert isinstance(settings, FoldersSettings)
    return [Listener(AccountDeleting, FolderService(app, settings).on_account_deleting)]


@hookimpl
def register_routes(app: AppContext, settings: Section) -> list[object]:
    """Return the route handlers below `/api/v1/folders`."""
    from portico_folders.routes import routes
    from portico_folders.service import FolderService
    from portico_folders.settings import FoldersSettings

    assert isinstance(settings, FoldersSettings)
    return routes(FolderService(app, settings))
