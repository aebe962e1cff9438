"""The law, for people: what is in force, why it decides as it does, what a change would do, and who changed what.

Over HTTP and on the command line with the same functions. What a line means is decided in the permissions room.
"""

import click

from portico.api import House, PluginInfo, PolicyFile, ResourceKind, hookimpl

PLUGIN = PluginInfo(
    api=1,
    summary="Policies: show, explain, try, save, roll back; the audit trail.",
    claims=("/api/v1/policies", "/api/v1/audit"),
)


@hookimpl
def register_resources() -> list[ResourceKind]:
    """The law and the audit trail, as policies speak of them. Neither has rows that could be shared."""
    return [
        ResourceKind("policy", "", ("read", "write"), vital=("write",)),
        ResourceKind("audit", "", ("read",)),
    ]


@hookimpl
def register_policies() -> list[PolicyFile]:
    """The page on both."""
    return [PolicyFile("portico_policies", "access.csv")]


@hookimpl
def register_routes(app: House) -> list[object]:
    """Everything below `/api/v1/policies` and `/api/v1/audit`."""
    from portico_law import audit_routes, policy_routes

    return [*policy_routes.routes(app), *audit_routes.routes(app)]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico policy …` and `portico audit …`."""
    from portico_law.audit_commands import audit
    from portico_law.policy_commands import policy

    cli.add_command(policy)
    cli.add_command(audit)
