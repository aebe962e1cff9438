"""Budgets: how many tokens, requests, money and calls at once users, groups, API keys and models may use."""

from typing import TYPE_CHECKING

import click

from portico.api import AppContext, ChangedElsewhere, Listener, PluginInfo, Section, hookimpl
from portico.api.auth import AccountDeleting, ApiKeyRevoked, GroupChanged, GroupDeleting
from portico.api.db import Retention, TableSet
from portico.api.models import ModelFilter
from portico.api.policy import PackagedPolicy, ResourceKind
from portico_budgets.budget import Subject
from portico_budgets.settings import BudgetsSettings

if TYPE_CHECKING:
    from portico_budgets.components import BudgetsPlugin

PLUGIN = PluginInfo(
    api_version=1,
    summary="Budgets: limit the tokens, requests, money and calls at once of users, groups, keys and models.",
    route_prefixes=("/api/v1/budgets",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: what is reserved, and what happens while the database is unavailable."""
    return BudgetsSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of budgets and of their counters."""
    from portico_budgets.tables import TABLES

    return TABLES


@hookimpl
def register_retention() -> list[Retention]:
    """Return when counters are deleted: some time after their period, each at its own time."""
    return [
        Retention("budgets_counter", "kept_until", None),
        Retention("budgets_part", "kept_until", None),
    ]


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `budget`. Budgets cannot be shared."""
    return [ResourceKind("budget", "", ("read", "write"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of budgets."""
    return [PackagedPolicy("portico_policies", "budgets.csv")]


@hookimpl
def register_components(app: AppContext, settings: BudgetsSettings) -> object:
    """Return the service, the filter and what they share."""
    from portico_budgets.components import build

    return build(app, settings)


@hookimpl
def register_model_filters(plugin: "BudgetsPlugin") -> list[ModelFilter]:
    """Return the filter that counts calls and refuses those over a budget."""
    return [plugin.filter.model_filter()]


@hookimpl
def register_listeners(plugin: "BudgetsPlugin") -> list[Listener]:
    """Return listeners that delete the budgets of what is deleted, and notice changed groups."""
    service, subjects = plugin.service, plugin.subjects
    return [
        Listener(AccountDeleting, lambda event: service.account_deleting(event.id)),
        Listener(
            GroupDeleting, lambda event: service.remove_subjects([Subject("group", event.id)])
        ),
        Listener(ApiKeyRevoked, lambda event: service.key_revoked(event.key_id)),
        *(
            Listener(one, lambda _: subjects.clear_cache())
            for one in (GroupChanged, ChangedElsewhere)
        ),
    ]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/budgets`."""
    from portico_budgets.routes import BudgetRoutes

    return [BudgetRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico budget …`."""
    from portico_budgets.commands import budget

    cli.add_command(budget)


@hookimpl
def startup(plugin: "BudgetsPlugin") -> None:
    """Start to write what calls reserve and use."""
    plugin.counters.start()


@hookimpl
async def shutdown(plugin: "BudgetsPlugin") -> None:
    """Write what the last calls have used."""
    await plugin.counters.stop()
