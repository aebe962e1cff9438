"""Folders to keep conversations in: a tree of them for everybody. What lies in them is somebody else's to keep."""

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
    """Whether there are folders, and how many somebody may have."""
    from portico_folders.settings import FoldersSettings

    return FoldersSettings


@hookimpl
def register_tables() -> TableSet:
    """Folders, and whose they are."""
    from portico_folders.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Folders, as policies speak of them."""
    return [ResourceKind("folder", "folders_folder", ("read", "write", "delete"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """The page on folders."""
    return [PackagedPolicy("portico_policies", "folders.csv")]


@hookimpl
def register_services(app: AppContext, settings: Section) -> list[Service]:
    """Where whoever keeps things in folders asks which there are. Nobody to ask while folders are off."""
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
    """What becomes of the folders of somebody who leaves."""
    from portico_folders.service import FolderService
    from portico_folders.settings import FoldersSettings

    assert isinstance(settings, FoldersSettings)
    return [Listener(AccountDeleting, FolderService(app, settings).account_leaving)]


@hookimpl
def register_routes(app: AppContext, settings: Section) -> list[object]:
    """Everything below `/api/v1/folders`."""
    from portico_folders.routes import routes
    from portico_folders.service import FolderService
    from portico_folders.settings import FoldersSettings

    assert isinstance(settings, FoldersSettings)
    return routes(FolderService(app, settings))
