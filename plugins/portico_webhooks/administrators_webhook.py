"""The address at which administrators are told of sign-ups and alerts."""

from portico.api import AppContext
from portico.api.auth import Actor
from portico_webhooks.schemas import WebhookView
from portico_webhooks.settings import WebhooksSettings

VARIABLE = "WEBHOOK_URL"


class AdministratorsWebhook:
    """Reads and changes the address."""

    def __init__(self, app: AppContext) -> None:
        self._settings = app.runtime_settings
        self._section = app.runtime_settings.section(WebhooksSettings)

    async def url(self) -> str:
        """Return the address; empty = none."""
        return (await self._section.current()).url.reveal()

    async def view(self) -> WebhookView:
        """Return the address as administrators see it."""
        return WebhookView(url=await self.url(), pinned="url" in self._section.pinned)

    async def change(self, actor: Actor, url: str) -> WebhookView:
        """Store another address; empty = none.

        Raises: InvalidRequest if it is not http(s), holds a user name, or is set by the operator.
        """
        await self._settings.change({VARIABLE: url.strip()}, actor.id)
        return await self.view()
