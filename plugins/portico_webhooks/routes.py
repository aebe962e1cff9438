"""The routes of webhooks."""

from typing import Annotated

from litestar.params import JSONBody, QueryParameter

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_webhooks.components import WebhooksPlugin
from portico_webhooks.schemas import (
    DeliveryPage,
    NewSecret,
    TestResult,
    WebhookForm,
    WebhookView,
)

WEBHOOK_PATH = "/api/webhook"
Before = Annotated[str, QueryParameter(description="Id of the last message of the previous page")]


class WebhookRoutes(Controller):
    """`/api/webhook`: the webhook of the administrators, and the secret of the caller's own."""

    plugin: WebhooksPlugin

    @get(WEBHOOK_PATH, requires="webhook:read", response_type=WebhookView)
    async def get_webhook(self) -> JSONResponse:
        """Return the address that is told of sign-ups and alerts; empty = none."""
        return json_response(await self.plugin.administrators.view(), has_secrets=True)

    @post(WEBHOOK_PATH, requires="webhook:write", response_type=WebhookView)
    async def set_webhook(self, request: Request, data: JSONBody[WebhookForm]) -> JSONResponse:
        """Set the address that is told of sign-ups and alerts; empty = none. 400 if it is not http:// or https://."""
        changed = await self.plugin.administrators.change(request.user, data.url)
        return json_response(changed, has_secrets=True)

    @post(f"{WEBHOOK_PATH}/test", requires="webhook:write", response_type=TestResult)
    async def test_webhook(self) -> JSONResponse:
        """Send a test to the address, once, and return how it ended. 400 if there is no address."""
        return json_response(await self.plugin.administration.test())

    @post(
        f"{WEBHOOK_PATH}/secret",
        requires="webhook:write",
        session_only=True,
        response_type=NewSecret,
    )
    async def replace_secret(self) -> JSONResponse:
        """Make another secret for the signatures, in force at once, and return it this once. 400 if there is no address."""
        return json_response(await self.plugin.administration.replace_secret())

    @get(f"{WEBHOOK_PATH}/deliveries", requires="webhook:read", response_type=DeliveryPage)
    async def list_deliveries(self, before: Before = "") -> JSONResponse:
        """Return the newest 50 messages to all webhooks, with how they ended or when they are sent again."""
        return json_response(await self.plugin.administration.deliveries(before))

    @post(f"{WEBHOOK_PATH}/me/secret", session_only=True, response_type=NewSecret)
    async def replace_own_secret(self, request: Request) -> JSONResponse:
        """Make another secret for the caller's own webhook, in force at once, and return it this once.

        The address is `ui.notifications.webhook_url` in the settings of the caller. 400 if there is none.
        """
        return json_response(await self.plugin.administration.replace_secret(request.user.id))
