"""Accounts over HTTP and on the command line: who am I, sign-out, people and what is done with them.

How somebody signs in is not decided here; every plugin that offers a way in does that for itself.
"""

import click

from portico.api import AppContext, PackagedPolicy, PluginInfo, ResourceKind, Section, hookimpl

PLUGIN = PluginInfo(
    api_version=1,
    summary="Who is signed in, sign-out, people and their profiles.",
    route_prefixes=("/api/v1/auths", "/api/v1/users", "/api/config", "/api/version"),
)


@hookimpl
def register_settings() -> type[Section]:
    """How much people see of one another."""
    from portico_accounts.settings import AccountsSettings

    return AccountsSettings


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Accounts, as policies speak of them: everybody owns their own. And what is set while the house runs."""
    return [
        ResourceKind(
            "account",
            "portico_account",
            ("read", "write", "delete"),
            owner="id",
            collection_actions=("create",),
            required_for_admins=("write",),
        ),
        ResourceKind(
            "setting", "", (), collection_actions=("read", "write"), required_for_admins=("write",)
        ),
    ]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """The pages on accounts and on settings."""
    return [
        PackagedPolicy("portico_policies", "accounts.csv"),
        PackagedPolicy("portico_policies", "settings.csv"),
    ]


@hookimpl
def register_routes(app: AppContext, settings: Section) -> list[object]:
    """The session's own routes, people, and the administrator's."""
    from portico_accounts import (
        admin_config,
        admin_routes,
        client_config,
        profile_routes,
        session_list_routes,
        session_routes,
        user_data_routes,
        user_routes,
    )
    from portico_accounts.service import AccountService
    from portico_accounts.settings import AccountsSettings

    assert isinstance(settings, AccountsSettings)
    people = AccountService(app, settings)
    return [
        *session_routes.routes(app),
        *user_data_routes.routes(app, people),
        *user_routes.routes(app, people),
        *admin_routes.routes(people),
        *session_list_routes.routes(app),
        *profile_routes.routes(app, settings),
        *admin_config.routes(app),
        *client_config.routes(app, settings),
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico user …`."""
    from portico_accounts.commands import user

    cli.add_command(user)
