"""Policies over HTTP and on the command line: show, explain, preview, save and roll back the active rules.

Both use the same functions. What a rule means is decided by `portico.permissions`.
"""

import click

from portico.api import AppContext, PluginInfo, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="Policies: show, explain, preview, save and roll back.",
    route_prefixes=("/api/v1/policies",),
    formerly=("law",),
)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the policies as a kind of resource. They have no rows that could be shared."""
    return [ResourceKind("policy", "", ("read", "write"), required_for_admins=("write",))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of the policies themselves."""
    return [PackagedPolicy("portico_policies", "policies.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the object that routes have as `plugin`."""
    from portico_policy_admin.components import PolicyAdminPlugin

    return PolicyAdminPlugin(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/policies`."""
    from portico_policy_admin.routes import PolicyRoutes

    return [PolicyRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico policy …`."""
    from portico_policy_admin.commands import policy

    cli.add_command(policy)
