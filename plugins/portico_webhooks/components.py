"""The objects of this plugin, built once per process."""

from dataclasses import dataclass

from portico.api import AppContext
from portico_webhooks.administrators_webhook import AdministratorsWebhook


@dataclass(frozen=True, slots=True)
class WebhooksPlugin:
    """The objects of this plugin."""

    administrators: AdministratorsWebhook


def build(app: AppContext) -> WebhooksPlugin:
    """Build the objects of one application. Opens nothing."""
    return WebhooksPlugin(administrators=AdministratorsWebhook(app))
