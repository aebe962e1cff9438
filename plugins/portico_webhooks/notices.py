"""What webhooks are told: as durable tasks, each of which is created in the transaction that causes it, or at once."""

from typing import Final, Literal

import msgspec
import structlog

from portico.api import AdministratorAlert, AppContext, RateLimited, ServerSettings
from portico.api.auth import Account, AccountSigningUp
from portico.api.interfaces import ChatStore, ReplyFinishing
from portico.api.prompts import shown_text
from portico.api.tasks import TaskRun, TaskType
from portico_webhooks import alert_log
from portico_webhooks.administrators_webhook import AdministratorsWebhook
from portico_webhooks.delivery import WebhookSender
from portico_webhooks.message import WebhookMessage, WebhookUser
from portico_webhooks.settings import WebhooksSettings
from portico_webhooks.signing_secrets import Webhook
from portico_webhooks.user_webhooks import UserWebhooks

DELIVER: Final = "webhooks:deliver"
#: Seconds that one try may take; the receiver has fewer.
TIME_LIMIT_SECONDS: Final = 30.0
NO_WEBHOOK: Final = "There is no webhook any more."
NO_SUBJECT: Final = "What it is about does not exist any more."
log = structlog.get_logger("portico.webhooks")


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message is about. Texts of users and addresses of webhooks are not in it: they are read when it is sent.

    `account_id`: who signed up, or whose reply it is. `kind`, `about`, `text`: of an alert.
    """

    event: Literal["signup", "chat", "alert"]
    account_id: str = ""
    chat_id: str = ""
    message_id: str = ""
    kind: str = ""
    about: str = ""
    text: str = ""


class Notices:
    """Creates a task for each message, and sends it."""

    def __init__(
        self,
        app: AppContext,
        administrators: AdministratorsWebhook,
        users: UserWebhooks,
        sender: WebhookSender,
    ) -> None:
        self._app, self._sender = app, sender
        self._administrators, self._users = administrators, users
        self._server = app.runtime_settings.section(ServerSettings)

    def types(self, settings: WebhooksSettings) -> list[TaskType]:
        """Return the type of the tasks."""
        return [
            TaskType(
                DELIVER,
                Notice,
                self.deliver,
                time_limit=TIME_LIMIT_SECONDS,
                max_tries=settings.max_tries,
                backoff=settings.backoff_seconds,
            )
        ]

    # -- creating -------------------------------------------------------------------------------------------

    async def on_sign_up(self, event: AccountSigningUp) -> None:
        """Tell the administrators of a sign-up, in the transaction that creates the account."""
        if await self._administrators.url():
            await self._app.tasks.create(
                DELIVER, Notice("signup", account_id=event.id), item="signup"
            )

    async def on_alert(self, event: AdministratorAlert) -> None:
        """Tell the administrators of an alert, unless they were told of the same within the last hour."""
        is_own = event.kind == "portico:task_failed" and event.about == DELIVER
        if is_own or not await self._administrators.url():
            return
        async with alert_log.first_in_a_while(event.kind, event.about) as is_first:
            if is_first:
                notice = Notice("alert", kind=event.kind, about=event.about, text=event.message)
                await self._app.tasks.create(DELIVER, notice, item=event.kind)

    async def on_reply(self, event: ReplyFinishing) -> None:
        """Tell the owner of a reply who is away, in the transaction that stores the reply."""
        if event.messages is not None or not await self._users.is_away(event.user_id):
            return
        if not await self._users.url_of(event.user_id):
            return
        notice = Notice("chat", event.user_id, event.chat_id, event.message_id)
        try:
            await self._app.tasks.create(DELIVER, notice, user_id=event.user_id, item=event.chat_id)
        except RateLimited:  # the reply is more important
            log.warning("webhook not created: its account has too many tasks", user=event.user_id)

    # -- sending --------------------------------------------------------------------------------------------

    async def deliver(self, run: TaskRun, notice: Notice) -> dict[str, object] | None:
        """Send a message, unless nothing is left to tell. Return what the administrators' webhook answered.

        Raises: DeliveryFailed, TaskFailed.
        """
        webhook = await self._webhook(notice)
        if webhook is None:
            return {"skipped": NO_WEBHOOK}
        message = await self._message(notice)
        if message is None:
            return {"skipped": NO_SUBJECT}
        status = await self._sender.send(webhook, f"msg_{run.id}", message)
        return {"status": status} if webhook.user_id is None else None

    async def _webhook(self, notice: Notice) -> Webhook | None:
        if notice.event != "chat":
            url = await self._administrators.url()
            return Webhook(url) if url else None
        url = await self._users.url_of(notice.account_id)
        return Webhook(url, notice.account_id) if url else None

    async def _message(self, notice: Notice) -> WebhookMessage | None:
        """Return what is sent; None if what it is about was deleted meanwhile."""
        if notice.event == "alert":
            return WebhookMessage(
                action="alert", message=notice.text, kind=notice.kind, about=notice.about
            )
        account = await self._app.identity.accounts.find(notice.account_id)
        if account is None:
            return None
        if notice.event == "signup":
            return sign_up_message(account)
        chats = self._app.services.get(ChatStore)
        title = await chats.title(notice.chat_id) if chats else ""
        text = await chats.content(notice.chat_id, notice.message_id) if chats else ""
        if not (title or text):
            return None
        base = (await self._server.current()).url.rstrip("/")
        return WebhookMessage(
            action="chat",
            message=shown_text(text),
            title=title,
            url=f"{base}/c/{notice.chat_id}",
            user=user_of(account),
        )


def sign_up_message(account: Account) -> WebhookMessage:
    """Return what administrators are told of a new account."""
    message = f"New user signed up: {account.name}"
    return WebhookMessage(action="signup", message=message, user=user_of(account))


def user_of(account: Account) -> WebhookUser:
    """Return what receivers get of an account."""
    return WebhookUser(account.id, account.name, account.email)
