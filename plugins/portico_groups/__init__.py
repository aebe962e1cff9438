"""Groups over HTTP and on the command line: members, the permissions they get, and the permissions of all users.

The core stores groups, since every request asks what the caller's groups grant.
"""

import click

from portico.api import AppContext, PluginInfo, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind
from portico.api.transfer import TransferKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="Groups of users, the permissions of their members, and default permissions.",
    route_prefixes=(
        "/api/v1/groups",
        "/api/v1/users/groups",
        "/api/v1/users/permissions",
        "/api/v1/users/default/permissions",
        "/api/v1/users/{str}/groups",
    ),
)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return groups, and the default permissions, of which there is one set and no rows."""
    return [
        ResourceKind(
            "group",
            "portico_group",
            ("read", "write", "delete"),
            owner="account_id",
            collection_actions=("create",),
        ),
        ResourceKind("default_permissions", "", ("read", "write")),
    ]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of groups."""
    return [PackagedPolicy("portico_policies", "groups.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the service that routes and commands share."""
    from portico_groups.service import GroupService

    return GroupService(app)


@hookimpl
def register_transfer_kinds(app: AppContext) -> list[TransferKind]:
    """Return groups with their members, and the default permissions."""
    from portico_groups.transfer import DefaultPermissionsTransfer, GroupTransfer

    return [GroupTransfer(app), DefaultPermissionsTransfer(app)]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes of groups, members and permissions."""
    from portico_groups.routes import GroupRoutes, MemberRoutes, PermissionRoutes

    return [GroupRoutes, MemberRoutes, PermissionRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico group …`."""
    from portico_groups.commands import group

    cli.add_command(group)
