"""The objects of this plugin, built once per application."""

from portico.api import AppContext
from portico_accounts.admin_config import AdminConfigService
from portico_accounts.admin_contact import AdminContact
from portico_accounts.client_config import ClientConfig
from portico_accounts.gravatar import Gravatar
from portico_accounts.service import AccountService
from portico_accounts.settings import AccountsSettings
from portico_accounts.transfer import AccountTransfer
from portico_accounts.update_check import UpdateCheck
from portico_accounts.user_settings import UserSettings


class AccountsPlugin:
    """The services of this plugin, and the identity service of the core."""

    def __init__(self, app: AppContext, settings: AccountsSettings) -> None:
        self.identity = app.identity
        self.settings = settings
        self.accounts = AccountService(app, settings)
        self.admin_config = AdminConfigService(app)
        self.admin_contact = AdminContact(app)
        self.gravatar = Gravatar(app, settings)
        self.updates = UpdateCheck(app, settings)
        self.client_config = ClientConfig(app, checks_updates=self.updates.is_enabled)
        self.user_settings = UserSettings(app)
        self.transfer = AccountTransfer(app)
