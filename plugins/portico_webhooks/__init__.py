"""Webhooks: tells an address of the administrators of new sign-ups and of alerts."""

from portico.api import AppContext, PluginInfo, Section, hookimpl
from portico.api.policy import PackagedPolicy, ResourceKind

PLUGIN = PluginInfo(
    api_version=1,
    summary="Webhooks: new sign-ups and alerts for administrators.",
    route_prefixes=("/api/webhook",),
)


@hookimpl
def register_settings() -> type[Section]:
    """Return the settings: the address of the administrators' webhook, and limits."""
    from portico_webhooks.settings import WebhooksSettings

    return WebhooksSettings


@hookimpl
def register_resources() -> list[ResourceKind]:
    """Return the resource kind `webhook`: the one of the administrators. It has no rows that could be shared."""
    return [ResourceKind("webhook", "", (), collection_actions=("read", "write"))]


@hookimpl
def register_policies() -> list[PackagedPolicy]:
    """Return the policy file of webhooks."""
    return [PackagedPolicy("portico_policies", "webhooks.csv")]


@hookimpl
def register_components(app: AppContext) -> object:
    """Return the objects that routes and listeners share."""
    from portico_webhooks.components import build

    return build(app)


@hookimpl
def register_routes() -> list[object]:
    """Return the routes below `/api/webhook`."""
    from portico_webhooks.routes import WebhookRoutes

    return [WebhookRoutes]
