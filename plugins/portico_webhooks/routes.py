"""The routes of webhooks."""

from litestar.params import JSONBody

from portico.api.web import Controller, JSONResponse, Request, get, json_response, post
from portico_webhooks.components import WebhooksPlugin
from portico_webhooks.schemas import WebhookForm, WebhookView

WEBHOOK_PATH = "/api/webhook"


class WebhookRoutes(Controller):
    """`/api/webhook`: the webhook of the administrators."""

    plugin: WebhooksPlugin

    @get(WEBHOOK_PATH, requires="webhook:read", response_type=WebhookView)
    async def get_webhook(self) -> JSONResponse:
        """Return the address that is told of sign-ups and alerts; empty = none."""
        return json_response(await self.plugin.administrators.view())

    @post(WEBHOOK_PATH, requires="webhook:write", response_type=WebhookView)
    async def set_webhook(self, request: Request, data: JSONBody[WebhookForm]) -> JSONResponse:
        """Set the address that is told of sign-ups and alerts; empty = none. 400 if it is not http:// or https://."""
        return json_response(await self.plugin.administrators.change(request.user, data.url))
