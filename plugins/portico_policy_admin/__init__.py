"""The law, for people: what is in force, why it decides as it does, what a change would do, and who changed what.

Over HTTP and on the command line with the same functions. What a line means is decided in the permissions room.
"""

import click

from portico.api import AppContext, PackagedPolicy, PluginInfo, ResourceKind, hookimpl

PLUGIN = PluginInfo(
    api_version=1,
    summary="Policies: show, explain, try, save, roll back; the audit trail.",
    route_prefixes=("/api/v1/policies", "/api/v1/audit"),
)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """The law and the audit trail, as policies speak of them. Neither has rows that could be shared."""
    return [
        ResourceKind("policy", "", ("read", "write"), required_for_admins=("write",)),
        ResourceKind("audit", "", ("read",)),
    ]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """The page on both."""
    return [PackagedPolicy("portico_policies", "access.csv")]


@hookimpl
def register_routes(app: AppContext) -> list[object]:
    """Everything below `/api/v1/policies` and `/api/v1/audit`."""
    from portico_audit import routes as audit_routes
    from portico_policy_admin import routes as policy_routes

    return [*policy_routes.routes(app), *audit_routes.routes(app)]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico policy …` and `portico audit …`."""
    from portico_audit.commands import audit
    from portico_policy_admin.commands import policy

    cli.add_command(policy)
    cli.add_command(audit)
