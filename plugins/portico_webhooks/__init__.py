"""Webhooks: tells administrators of new sign-ups and alerts, and users of replies that finish while they are away."""

from typing import TYPE_CHECKING

import click

from portico.api import AdministratorAlert, AppContext, Listener, PluginInfo, Section, hookimpl
from portico.api.auth import AccountSigningUp
from portico.api.db import Retention, TableSet
from portico.api.interfaces import ReplyFinishing
from portico.api.policy import PackagedPolicy, ResourceKind

if TYPE_CHECKING:
    from portico.api.tasks import TaskType
    from portico_webhooks.components import WebhooksPlugin
    from portico_webhooks.settings import WebhooksSettings

PLUGIN = PluginInfo(
    api_version=1,
    summary="Webhooks: new sign-ups and alerts for administrators, finished replies for users.",
    route_prefixes=("/api/webhook",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: the address of the administrators' webhook, and limits."""
    from portico_webhooks.settings import WebhooksSettings

    return WebhooksSettings


@hookimpl
def register_tables() -> TableSet:
    """Return the tables of signing secrets and of alerts."""
    from portico_webhooks.tables import TABLES

    return TABLES


@hookimpl
def register_retention() -> list[Retention]:
    """Return when it is forgotten that administrators were told of an alert."""
    from portico_webhooks.alert_log import KEPT_DAYS

    return [Retention("webhooks_alert", "sent_at", KEPT_DAYS)]


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `webhook`: the one of the administrators. It has no rows that could be shared."""
    return [ResourceKind("webhook", "", (), collection_actions=("read", "write"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of webhooks."""
    return [PackagedPolicy("portico_policies", "webhooks.csv")]


@hookimpl
def register_components(app: AppContext, settings: "WebhooksSettings") -> object:
    """Return the objects that routes, tasks and listeners share."""
    from portico_webhooks.components import build

    return build(app, settings)


@hookimpl
def register_listeners(plugin: "WebhooksPlugin") -> list[Listener]:
    """Return listeners for what webhooks are told of."""
    notices = plugin.notices
    return [
        Listener(AccountSigningUp, notices.on_sign_up),
        Listener(AdministratorAlert, notices.on_alert),
        Listener(ReplyFinishing, notices.on_reply),
    ]


@hookimpl
def register_tasks(plugin: "WebhooksPlugin", settings: "WebhooksSettings") -> "list[TaskType]":
    """Return the type of the tasks that deliver messages."""
    return plugin.notices.types(settings)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/webhook`."""
    from portico_webhooks.routes import WebhookRoutes

    return [WebhookRoutes]


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Add `portico webhook …`."""
    from portico_webhooks.commands import webhook

    cli.add_command(webhook)


@hookimpl
def startup(plugin: "WebhooksPlugin") -> None:
    """Begin to watch the free space of the disk."""
    plugin.disk_watch.start()


@hookimpl
async def shutdown(plugin: "WebhooksPlugin") -> None:
    """Stop watching the disk. Deliveries are stopped by the runner of tasks."""
    await plugin.disk_watch.stop()
