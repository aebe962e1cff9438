"""Accounts over HTTP and on the command line: who am I, sign-out, people and what is done with them.

How somebody signs in is not decided here; every plugin that offers a way in does that for itself.
"""

import click

from portico.api import House, PluginInfo, PolicyFile, ResourceKind, Section, hookimpl

PLUGIN = PluginInfo(
    api=1,
    summary="Who is signed in, sign-out, people and their profiles.",
    claims=("/api/v1/auths", "/api/v1/users", "/api/config", "/api/version"),
)


@hookimpl
def register_settings() -> type[Section]:
    """How much people see of one another."""
    from portico_accounts.settings import Settings

    return Settings


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Accounts, as policies speak of them: everybody owns their own. And what is set while the house runs."""
    return [
        ResourceKind(
            "account",
            "portico_account",
            ("read", "write", "delete"),
            owner="id",
            general=("create",),
            vital=("write",),
        ),
        ResourceKind("setting", "", (), general=("read", "write"), vital=("write",)),
    ]


@hookimpl
def register_policies() -> list[PolicyFile]:
    """The pages on accounts and on settings."""
    return [
        PolicyFile("portico_policies", "accounts.csv"),
        PolicyFile("portico_policies", "settings.csv"),
    ]


@hookimpl
def register_routes(app: House, settings: Section) -> list[object]:
    """The session's own routes, people, and the administrator's."""
    from portico_accounts import (
        administration,
        client,
        directory,
        house_settings,
        oneself,
        profile,
        session,
        sign_ins,
    )
    from portico_accounts.people import People
    from portico_accounts.settings import Settings

    assert isinstance(settings, Settings)
    people = People(app, settings)
    return [
        *session.routes(app),
        *profile.routes(app, people),
        *directory.routes(app, people),
        *administration.routes(people),
        *sign_ins.routes(app),
        *oneself.routes(app, settings),
        *house_settings.routes(app),
        *client.routes(app, settings),
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico user …`."""
    from portico_accounts.commands import user

    cli.add_command(user)
