"""Model sources over HTTP and on the command line: what each is doing and why, and a check that it works.

The core keeps the sources and routes calls to them; this plugin shows them.
"""

import click

from portico.api import AppContext, PluginInfo, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="Model sources: list and check.",
    route_prefixes=("/api/v1/sources",),
)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `source`. It has no rows that could be shared."""
    return [ResourceKind("source", "", ("read", "check"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of sources."""
    return [PackagedPolicy("portico_policies", "sources.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the service that routes and commands share."""
    from portico_source_admin.service import SourceService

    return SourceService(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/sources`."""
    from portico_source_admin.routes import SourceRoutes

    return [SourceRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico source …`."""
    from portico_source_admin.commands import source

    cli.add_command(source)
