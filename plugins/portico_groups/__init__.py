"""Groups over HTTP and on the command line: who is in them, what membership permits, and what everybody may do.

The groups themselves live in the identity room of the core, for every request asks what its caller's groups grant.
"""

import click

from portico.api import AppContext, PackagedPolicy, PluginInfo, ResourceKind, hookimpl

PLUGIN = PluginInfo(
    api_version=1,
    summary="Groups of people, what they permit, and what everybody may do by default.",
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
    """Groups, and the default permissions, of which there is one set and no rows."""
    return [
        ResourceKind(
            "group",
            "portico_group",
            ("read", "write", "delete"),
            owner="account_id",
            collection_actions=("create",),
        ),
        ResourceKind("permission", "", ("read", "write")),
    ]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """The page on groups."""
    return [PackagedPolicy("portico_policies", "groups.csv")]


@hookimpl
def register_routes(app: AppContext) -> list[object]:
    """Everything below `/api/v1/groups`, and what `/api/v1/users` says of groups and permissions."""
    from portico_groups.permission_routes import permission_routes
    from portico_groups.routes import routes

    return [*routes(app), *permission_routes(app)]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico group …`."""
    from portico_groups.commands import group

    cli.add_command(group)
