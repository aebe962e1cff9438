"""The administrator whom users can contact."""

from portico.api import AppContext, Forbidden, InvalidRequest
from portico.api.auth import Actor
from portico.api.messages import ACTION_PROHIBITED
from portico_accounts.schemas import AdminDetails
from portico_accounts.settings import AccountsSettings


class AdminContact:
    """Name and e-mail address of an administrator, as the operator chose them."""

    def __init__(self, app: AppContext) -> None:
        self._accounts = app.identity.accounts
        self._settings = app.runtime_settings.section(AccountsSettings)

    async def details(self, actor: Actor) -> AdminDetails:
        """Return the contact. Without a configured address: the name of the first administrator.

        Raises: InvalidRequest if the setting is off, Forbidden if moreover the account is pending.
        """
        settings = await self._settings.current()
        if not settings.show_admin_details:
            error = InvalidRequest if actor.is_verified else Forbidden
            raise error(ACTION_PROHIBITED)
        if email := settings.admin_email:
            account = await self._accounts.by_email(email)
            return AdminDetails(account.name if account else None, email)
        first_id = await self._accounts.first_admin_id()
        first = await self._accounts.find(first_id) if first_id else None
        return AdminDetails(first.name if first else None, None)
