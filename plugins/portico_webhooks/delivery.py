"""Sends messages to webhooks: signed, by the client that reaches no private addresses."""

from typing import Final

from portico.api import AppContext, DomainError, FetchRefused
from portico.api.db import now
from portico.api.tasks import TaskFailed
from portico_webhooks.message import WebhookMessage, body_for
from portico_webhooks.signature import signed_headers
from portico_webhooks.signing_secrets import SigningSecrets, Webhook

#: Seconds that a receiver has for its answer.
TIMEOUT_SECONDS: Final = 10.0
_REDIRECTS: Final = range(300, 400)
_GONE: Final = 410
NOT_REACHED: Final = (
    "The address does not answer, or may not be reached: private addresses must be listed in http_client.allowed_hosts. "
    "The log of the server has the reason."
)
#: What users are told of their own webhooks, whatever happened: it must not say which internal addresses answer.
NOT_DELIVERED: Final = "The webhook could not be delivered."


class DeliveryFailed(DomainError):
    """A receiver was not reached, or did not accept a message. It is sent again later."""

    default = NOT_DELIVERED


class WebhookSender:
    """Sends one message at a time. Every request of a message has the same `webhook-id`."""

    def __init__(self, app: AppContext, secrets: SigningSecrets) -> None:
        self._app, self._secrets = app, secrets

    async def send(self, webhook: Webhook, message_id: str, message: WebhookMessage) -> int:
        """Send a message once, and return the status with which it was accepted.

        Raises: DeliveryFailed; TaskFailed if the receiver wants no more messages. Both give a reason for administrators'
        webhooks only.
        """
        body = body_for(webhook.url, message, self._app.settings.name)
        secret = await self._secrets.of(webhook)
        headers = signed_headers(secret, message_id, now(), body)
        try:
            status = await self._app.safe_http.send(
                webhook.url, body, headers=headers, timeout=TIMEOUT_SECONDS
            )
        except FetchRefused:
            raise DeliveryFailed(_reason(webhook, NOT_REACHED)) from None
        if status in _REDIRECTS:
            reason = f"The receiver redirects ({status}), which is not followed. Set the address that it redirects to."
            raise DeliveryFailed(_reason(webhook, reason))
        if status == _GONE:
            reason = "The receiver wants no more messages (410). Set another address, or none."
            raise TaskFailed(_reason(webhook, reason))
        if not 200 <= status < 300:
            raise DeliveryFailed(_reason(webhook, f"The receiver answered with status {status}."))
        return status


def _reason(webhook: Webhook, reason: str) -> str:
    return reason if webhook.user_id is None else NOT_DELIVERED
