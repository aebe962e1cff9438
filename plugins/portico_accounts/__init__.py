"""Accounts over HTTP and on the command line: sessions, users and their data, administration.

Signing in is up to the auth providers that other plugins register.
"""

import click

from portico.api import AppContext, PluginInfo, Section, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind
from portico.api.transfer import TransferKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="Sessions, users and their profiles, and the administration of accounts.",
    route_prefixes=(
        "/api/v1/auths",
        "/api/v1/users",
        "/api/v1/utils/gravatar",
        "/api/config",
        "/api/version",
    ),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: what users see of each other, and what clients show."""
    from portico_accounts.settings import AccountsSettings

    return AccountsSettings


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return accounts, each owned by its user, and the runtime settings, of which there is one set and no rows."""
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
            "settings", "", (), collection_actions=("read", "write"), required_for_admins=("write",)
        ),
    ]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy files of accounts and of runtime settings."""
    return [
        PackagedPolicy("portico_policies", "accounts.csv"),
        PackagedPolicy("portico_policies", "settings.csv"),
    ]


@hookimpl
def register_components(app: AppContext, settings: Section) -> object:
    """Return the services that routes and commands share."""
    from portico_accounts.components import AccountsPlugin
    from portico_accounts.settings import AccountsSettings

    assert isinstance(settings, AccountsSettings)
    return AccountsPlugin(app, settings)


@hookimpl
def register_transfer_kinds(plugin: object) -> list[TransferKind]:
    """Return accounts, with their password hashes and external identities."""
    from portico_accounts.components import AccountsPlugin

    assert isinstance(plugin, AccountsPlugin)
    return [plugin.transfer]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes of sessions, users, profiles and administration."""
    from portico_accounts.admin_routes import AccountAdminRoutes, AdminConfigRoutes
    from portico_accounts.client_config_routes import ClientConfigRoutes
    from portico_accounts.profile_routes import ProfileRoutes
    from portico_accounts.session_routes import AccountSessionRoutes, OwnSessionRoutes, SignInRoutes
    from portico_accounts.user_data_routes import UserDataRoutes
    from portico_accounts.user_routes import UserRoutes

    return [
        SignInRoutes,
        UserDataRoutes,
        UserRoutes,
        AccountAdminRoutes,
        OwnSessionRoutes,
        AccountSessionRoutes,
        ProfileRoutes,
        AdminConfigRoutes,
        ClientConfigRoutes,
    ]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico user …`."""
    from portico_accounts.commands import user

    cli.add_command(user)
