"""The audit log over HTTP and on the command line: who changed what, and when.

The core writes the log; this plugin owns no table.
"""

import click

from portico.api import AppContext, PluginInfo, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="Audit log: list and export who changed what.",
    route_prefixes=("/api/v1/audit",),
)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the audit log. It has no rows that could be shared."""
    return [ResourceKind("audit", "", ("read",))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of the audit log."""
    return [PackagedPolicy("portico_policies", "audit.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the service that routes and commands share."""
    from portico_audit.service import AuditService

    return AuditService(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/audit`."""
    from portico_audit.routes import AuditRoutes

    return [AuditRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico audit …`."""
    from portico_audit.commands import audit

    cli.add_command(audit)
