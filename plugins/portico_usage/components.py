"""The objects of this plugin, built once per application."""

from portico.api import AppContext
from portico.api.auth import AccountDeleted, AccountDeleting
from portico.api.models import ModelFilter
from portico_usage.prices import ModelPrices
from portico_usage.reports import UsageReports
from portico_usage.store import UsageStore, deleted_accounts, forget_account
from portico_usage.traffic import Traffic
from portico_usage.writer import UsageWriter


class UsagePlugin:
    """Prices, reports, the writer of calls, and the figures for monitoring."""

    def __init__(self, app: AppContext) -> None:
        self.app = app
        self.prices = ModelPrices(app)
        self.reports = UsageReports(app, self.prices)
        self.traffic = Traffic()
        self.writer = UsageWriter(UsageStore(app), self.prices, self.traffic)
        # It changes nothing, so its place among the filters does not matter.
        self.filter = ModelFilter(name="usage", ended=self.writer.record)

    async def start(self) -> None:
        """Start writing, and remove accounts that were deleted while this plugin was not loaded."""
        self.writer.start()
        await self.forget_deleted_accounts()

    async def forget_deleted_accounts(self) -> None:
        """Remove all accounts that do not exist any more from the usage."""
        for account_id in await deleted_accounts():
            await forget_account(account_id)

    async def on_account_deleting(self, event: AccountDeleting) -> None:
        """Remove the account from the usage, in the transaction that deletes it."""
        await forget_account(event.id)

    async def on_account_deleted(self, event: AccountDeleted) -> None:
        """Remove the account from calls that were written at the same time. From now on it is not written any more."""
        await forget_account(event.id)
