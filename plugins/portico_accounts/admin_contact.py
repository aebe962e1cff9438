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
        """Return the contact: the configured address, and the name of its account or else of the first administrator.

        Raises: InvalidRequest if the setting is off, Forbidden if moreover the account is pending.
        """
        settings = await self._settings.current()
        if not settings.show_admin_details:
            error = InvalidRequest if actor.is_verified else Forbidden
            raise error(ACTION_PROHIBITED)
        email = settings.admin_email
        account = await self._accounts.by_email(email) if email else None
        if account is None and (first_id := await self._accounts.first_admin_id()):
            account = await self._accounts.find(first_id)
        return AdminDetails(account.name if account else None, email or None)
