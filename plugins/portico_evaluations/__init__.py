"""Evaluations: what users think of replies, a leaderboard of models, and the arena models that are compared."""

from typing import TYPE_CHECKING

import click

from portico.api import AppContext, Listener, PluginInfo, Section, hookimpl
from portico.api.auth import AccountDeleting
from portico.api.db import DatabaseCheck, TableSet
from portico.api.interfaces import ChatChanged
from portico.api.policy import PackagedPolicy, ResourceKind
from portico_evaluations.settings import EvaluationsSettings

if TYPE_CHECKING:
    from portico.api.transfer import TransferKind
    from portico_evaluations.components import EvaluationsPlugin

PLUGIN = PluginInfo(
    api_version=1,
    summary="Evaluations: rate replies, rank models, configure arena models.",
    route_prefixes=("/api/v1/evaluations",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: whether replies can be rated, and limits of what is stored."""
    return EvaluationsSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of ratings and of their sums."""
    from portico_evaluations.tables import TABLES

    return TABLES


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `feedback` with its actions."""
    return [
        ResourceKind(
            "feedback",
            "evaluations_feedback",
            ("read", "write", "delete", "read_chat"),
            collection_actions=("export", "export_chats"),
        )
    ]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the packaged policy file about ratings."""
    return [PackagedPolicy("portico_policies", "evaluations.csv")]


@hookimpl
def register_components(app: AppContext, settings: EvaluationsSettings) -> object:
    """Return the services of this plugin."""
    from portico_evaluations.components import build

    return build(app, settings)


@hookimpl
def register_database_checks() -> list[DatabaseCheck]:
    """Return checks of the numbers that are counted up."""
    from portico_evaluations.database_checks import checks

    return checks()


@hookimpl
def register_listeners(plugin: "EvaluationsPlugin") -> list[Listener]:
    """Return listeners that delete the ratings of an account, and the copies of a deleted chat."""
    return [
        Listener(AccountDeleting, plugin.feedback.on_account_deleting),
        Listener(ChatChanged, plugin.feedback.on_chat_changed),
    ]


@hookimpl
def register_transfer_kinds(
    settings: "EvaluationsSettings", plugin: "EvaluationsPlugin"
) -> "list[TransferKind]":
    """Return the ratings of exports and imports."""
    from portico_evaluations.transfer import FeedbackTransfer

    return [FeedbackTransfer(settings, plugin.leaderboard)]


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/v1/evaluations`."""
    from portico_evaluations.routes import EvaluationAdminRoutes, FeedbackRoutes

    return [FeedbackRoutes, EvaluationAdminRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico evaluation …`."""
    from portico_evaluations.commands import evaluation

    cli.add_command(evaluation)
