"""The database over HTTP: a consistent copy of an SQLite file, for administrators."""

from portico.api import AppContext, PluginInfo, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="Database: download a consistent copy of the SQLite file.",
    route_prefixes=("/api/v1/utils/db",),
)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the database. It has no rows that could be shared."""
    return [ResourceKind("database", "", (), collection_actions=("download",))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of the database."""
    return [PackagedPolicy("portico_policies", "database.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the object that routes have as `plugin`."""
    from portico_database_admin.download import DatabaseDownload

    return DatabaseDownload(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the route below `/api/v1/utils/db`."""
    from portico_database_admin.routes import DatabaseRoutes

    return [DatabaseRoutes]
