"""Usage of models: tokens, time and money of each call, their daily sums, and what models cost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from portico.api import AppContext, Listener, Metric, PluginInfo, Section, Service, hookimpl
from portico.api.auth import AccountDeleted, AccountDeleting
from portico.api.db import DatabaseCheck, Retention, TableSet
from portico.api.interfaces import Prices
from portico.api.models import ModelFilter
from portico.api.policy import PackagedPolicy, ResourceKind
from portico_usage.settings import UsageSettings

if TYPE_CHECKING:
    from portico_usage.components import UsagePlugin

PLUGIN = PluginInfo(
    api_version=1,
    summary="Usage of models: tokens, time and money by user, group, model and day.",
    route_prefixes=("/api/v1/usage",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: prices, and how long usage is kept."""
    return UsageSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of calls and of their daily sums."""
    from portico_usage.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return usage as a kind of resource. Its rows cannot be shared."""
    return [ResourceKind("usage", "", ("read", "read_own", "set_prices"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of usage."""
    return [PackagedPolicy("portico_policies", "usage.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the writer of calls, the prices and the reports."""
    from portico_usage.components import UsagePlugin

    return UsagePlugin(app)


@hookimpl
def register_services(plugin: "UsagePlugin") -> list[Service]:
    """Return the prices of models."""
    return [Service(Prices, plugin.prices)]


@hookimpl
def register_model_filters(plugin: "UsagePlugin") -> list[ModelFilter]:
    """Return the filter that is told how each call ended."""
    return [plugin.filter]


@hookimpl
def register_listeners(plugin: "UsagePlugin") -> list[Listener]:
    """Return listeners that remove deleted accounts from the usage."""
    return [
        Listener(AccountDeleting, plugin.on_account_deleting),
        Listener(AccountDeleted, plugin.on_account_deleted),
    ]


@hookimpl
def register_retention(settings: UsageSettings) -> list[Retention]:
    """Return after how many days calls and sums are deleted."""
    return [
        Retention("usage_call", "at", settings.keep_calls_days),
        Retention("usage_day", "day", settings.keep_sums_days),
    ]


@hookimpl
def register_database_checks(plugin: "UsagePlugin") -> list[DatabaseCheck]:
    """Return the check for usage that names deleted accounts."""
    from portico_usage.store import deleted_accounts

    async def find() -> Sequence[str]:
        count = len(await deleted_accounts())
        return [f"usage of {count} deleted accounts still names them"] if count else []

    return [DatabaseCheck("usage of deleted accounts", find, plugin.forget_deleted_accounts)]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/usage`."""
    from portico_usage.routes import OwnUsageRoutes, PriceRoutes, UsageRoutes

    return [UsageRoutes, OwnUsageRoutes, PriceRoutes]


@hookimpl
def register_metrics(plugin: "UsagePlugin") -> Sequence[Metric]:
    """Return calls and tokens by model, source and outcome, and the time to the first token."""
    return plugin.traffic.metrics()


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico usage`."""
    from portico_usage.commands import usage

    cli.add_command(usage)


@hookimpl
async def startup(plugin: "UsagePlugin") -> None:
    """Start to write usage."""
    await plugin.start()


@hookimpl
async def shutdown(plugin: "UsagePlugin") -> None:
    """Write the usage that is queued."""
    await plugin.writer.stop()
