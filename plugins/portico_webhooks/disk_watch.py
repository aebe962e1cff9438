"""Alerts administrators before the disk of the data directory is full."""

import asyncio
import shutil
import socket
from typing import Final

from portico.api import AdministratorAlert, AppContext, PeriodicTask
from portico_webhooks.administrators_webhook import AdministratorsWebhook
from portico_webhooks.settings import WebhooksSettings

#: Seconds between two looks.
INTERVAL_SECONDS: Final = 300.0


class DiskWatch:
    """Looks at the free space every five minutes, while there is a webhook to tell of it."""

    def __init__(
        self, app: AppContext, settings: WebhooksSettings, administrators: AdministratorsWebhook
    ) -> None:
        self._app, self._least = app, settings.min_free_bytes
        self._administrators = administrators
        self._task = PeriodicTask("free disk space", INTERVAL_SECONDS, self.check)

    def start(self) -> None:
        """Begin to look."""
        if self._least:
            self._task.start()

    async def stop(self) -> None:
        """Stop looking."""
        await self._task.stop()

    async def check(self) -> None:
        """Look once."""
        if not await self._administrators.url():
            return
        usage = await asyncio.to_thread(shutil.disk_usage, self._app.settings.data_dir)
        if usage.free < self._least:
            host = socket.gethostname()
            message = (
                f"The disk of the data directory on {host} has {usage.free // 1024**2} MiB left. Free some space, or "
                "the database stops accepting changes."
            )
            self._app.events.publish(AdministratorAlert("webhooks:disk_low", host, message))
