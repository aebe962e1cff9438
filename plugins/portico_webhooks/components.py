"""The objects of this plugin, built once per application."""

from dataclasses import dataclass

from portico.api import AppContext
from portico_webhooks.administration import WebhookAdministration
from portico_webhooks.administrators_webhook import AdministratorsWebhook
from portico_webhooks.delivery import WebhookSender
from portico_webhooks.disk_watch import DiskWatch
from portico_webhooks.notices import Notices
from portico_webhooks.settings import WebhooksSettings
from portico_webhooks.signing_secrets import SigningSecrets
from portico_webhooks.user_webhooks import UserWebhooks


@dataclass(frozen=True, slots=True)
class WebhooksPlugin:
    """The objects of this plugin."""

    administrators: AdministratorsWebhook
    administration: WebhookAdministration
    notices: Notices
    disk_watch: DiskWatch


def build(app: AppContext, settings: WebhooksSettings) -> WebhooksPlugin:
    """Build the objects of one application. Opens nothing."""
    administrators, users = AdministratorsWebhook(app), UserWebhooks(app)
    secrets = SigningSecrets(app.encryptor)
    sender = WebhookSender(app, secrets)
    return WebhooksPlugin(
        administrators=administrators,
        administration=WebhookAdministration(app, administrators, users, secrets, sender),
        notices=Notices(app, administrators, users, sender),
        disk_watch=DiskWatch(app, settings, administrators),
    )
