"""What administrators do besides setting the address: test it, make another secret, look at what was delivered."""

from typing import Any, Final

import msgspec

from portico.api import AppContext, InvalidRequest
from portico.api.audit import record_change
from portico.api.auth import Actor
from portico.api.db import new_id, transaction
from portico.api.tasks import TaskFailed, TaskInfo
from portico_webhooks.administrators_webhook import AdministratorsWebhook
from portico_webhooks.delivery import DeliveryFailed, WebhookSender
from portico_webhooks.message import WebhookMessage
from portico_webhooks.notices import DELIVER, Notice
from portico_webhooks.schemas import DeliveryPage, DeliveryView, NewSecret, TestResult
from portico_webhooks.signing_secrets import SigningSecrets, Webhook
from portico_webhooks.user_webhooks import UserWebhooks

PAGE_SIZE: Final = 50
NO_URL: Final = "There is no webhook. Set its address first."
TEST: Final = "This is a test of the webhook."
#: Who may see deliveries is decided by the policies of webhooks, before this is asked.
_OPERATOR: Final = Actor("", "", "", "admin", "", "")


class _Result(msgspec.Struct):
    status: int | None = None
    skipped: str | None = None


class WebhookAdministration:
    """What routes and commands do with webhooks."""

    def __init__(
        self,
        app: AppContext,
        administrators: AdministratorsWebhook,
        users: UserWebhooks,
        secrets: SigningSecrets,
        sender: WebhookSender,
    ) -> None:
        self._app, self._secrets, self._sender = app, secrets, sender
        self._administrators, self._users = administrators, users

    async def test(self) -> TestResult:
        """Send a test to the administrators' webhook, once. Raises: InvalidRequest if there is none."""
        webhook = Webhook(await self._administrators.url())
        if not webhook.url:
            raise InvalidRequest(NO_URL)
        message = WebhookMessage(action="test", message=TEST)
        try:
            status = await self._sender.send(webhook, f"msg_{new_id()}", message)
        except (DeliveryFailed, TaskFailed) as failure:
            return TestResult(delivered=False, status=None, error=failure.detail)
        return TestResult(delivered=True, status=status, error=None)

    async def replace_secret(self, user_id: str | None = None) -> NewSecret:
        """Make another secret for the webhook of a user, or of the administrators. Raises: InvalidRequest if there is none."""
        if user_id is None:
            url = await self._administrators.url()
        else:
            url = await self._users.url_of(user_id)
        if not url:
            raise InvalidRequest(NO_URL)
        webhook = Webhook(url, user_id)
        async with transaction():
            secret = await self._secrets.replace(webhook)
            await record_change("webhook.secret_replaced", "webhook", webhook.id)
        return NewSecret(secret)

    async def deliveries(self, before: str | None = None) -> DeliveryPage:
        """Return the newest messages that are older than `before`. Raises: NotFound if there is no such message."""
        found = await self._app.tasks.list(
            _OPERATOR, name=DELIVER, limit=PAGE_SIZE + 1, before=before or None
        )
        page = [_view(one) for one in found[:PAGE_SIZE]]
        return DeliveryPage(page, page[-1].id if len(found) > PAGE_SIZE else None)


def _view(task: TaskInfo) -> DeliveryView:
    result = _decoded(task.result, _Result) or _Result()
    notice = _decoded(task.arguments, Notice)
    return DeliveryView(
        id=task.id,
        event=notice.event if notice else "",
        user_id=task.user_id,
        status=task.status,
        tries=task.tries,
        error=task.error,
        response_status=result.status,
        skipped=result.skipped,
        created_at=int(task.created_at),
        finished_at=None if task.finished_at is None else int(task.finished_at),
        next_try_at=int(task.run_at) if task.status == "pending" else None,
    )


def _decoded(raw: msgspec.Raw | None, kind: Any) -> Any:
    """Return a stored value; None if there is none, or another release has written it."""
    try:
        return None if raw is None else msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError:
        return None
