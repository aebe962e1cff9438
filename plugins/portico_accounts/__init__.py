"""Accounts over HTTP and on the command line: who am I, sign-out, and what an administrator does with people.

How somebody signs in is not decided here; every plugin that offers a way in does that for itself.
"""

import click

from portico.api import House, PluginInfo, hookimpl

PLUGIN = PluginInfo(
    api=1,
    summary="Who is signed in, sign-out, adding people.",
    claims=("/api/v1/auths",),
)


@hookimpl
def register_routes(app: House) -> list[object]:
    """The session's own routes, and the administrator's."""
    from portico_accounts.routes import routes

    return routes(app)


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico user …`."""
    from portico_accounts.commands import user

    cli.add_command(user)
