"""Folders to keep conversations in: a tree of them for everybody. What lies in them is somebody else's to keep."""

from portico.api import (
    AccountLeaving,
    Folders,
    House,
    Listener,
    PluginInfo,
    PolicyFile,
    ResourceKind,
    Section,
    Service,
    TableSet,
    hookimpl,
)

PLUGIN = PluginInfo(
    api=1,
    summary="Folders: create, list, read, change, move, delete.",
    claims=("/api/v1/folders",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Whether there are folders, and how many somebody may have."""
    from portico_folders.settings import Settings

    return Settings


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
def register_policies() -> list[PolicyFile]:
    """The page on folders."""
    return [PolicyFile("portico_policies", "folders.csv")]


@hookimpl
def register_services(app: House, settings: Section) -> list[Service]:
    """Where whoever keeps things in folders asks which there are. Nobody to ask while folders are off."""
    from portico_folders.settings import Settings
    from portico_folders.whereabouts import Whereabouts

    assert isinstance(settings, Settings)
    return [Service(Folders, Whereabouts(app, settings))] if settings.enable_folders else []


@hookimpl
def register_listeners(app: House, settings: Section) -> list[Listener]:
    """What becomes of the folders of somebody who leaves."""
    from portico_folders.service import FolderService
    from portico_folders.settings import Settings

    assert isinstance(settings, Settings)
    return [Listener(AccountLeaving, FolderService(app, settings).account_leaving)]


@hookimpl
def register_routes(app: House, settings: Section) -> list[object]:
    """Everything below `/api/v1/folders`."""
    from portico_folders.routes import routes
    from portico_folders.service import FolderService
    from portico_folders.settings import Settings

    assert isinstance(settings, Settings)
    return routes(FolderService(app, settings))
