"""The webhooks of users: an address in their own settings, which is told of replies that finish while they are away."""

import msgspec

from portico.api import AppContext, NotFound
from portico_webhooks.schemas import MAX_URL_CHARS
from portico_webhooks.settings import WebhooksSettings


class _Notifications(msgspec.Struct):
    webhook_url: str | None = None


class _Interface(msgspec.Struct):
    notifications: _Notifications | None = None


class _UserSettings(msgspec.Struct):
    """The part of the settings of a user that this plugin reads. Everything else is skipped undecoded."""

    ui: _Interface | None = None


_DECODER = msgspec.json.Decoder(_UserSettings | None)


class UserWebhooks:
    """Finds the address of a user, and whether the user is away."""

    def __init__(self, app: AppContext) -> None:
        self._identity, self._sockets = app.identity, app.sockets
        self._section = app.runtime_settings.section(WebhooksSettings)

    async def url_of(self, account_id: str) -> str:
        """Return the address of a user; empty = there is none, or the feature is off, or the account is not verified."""
        if not (await self._section.current()).enable_user_webhooks:
            return ""
        account = await self._identity.accounts.find(account_id)
        if account is None or account.role == "pending":
            return ""
        try:
            stored = await self._identity.user_data.read(account_id, "settings")
            found = _DECODER.decode(stored)
        except (NotFound, msgspec.MsgspecError):
            return ""  # settings are what the client of a user stores
        if found is None or found.ui is None or found.ui.notifications is None:
            return ""
        url = (found.ui.notifications.webhook_url or "").strip()
        return url if len(url) <= MAX_URL_CHARS else ""

    async def is_away(self, account_id: str) -> bool:
        """Return whether a user has no socket on any instance, and sent nothing for three minutes.

        False at once while the feature is off, or a socket is open.
        """
        if not (await self._section.current()).enable_user_webhooks:
            return False
        if self._sockets.has_sockets(account_id):
            return False
        stored = await self._identity.accounts.last_active(account_id)
        return stored is not None and not self._identity.presence.is_active(account_id, stored)
