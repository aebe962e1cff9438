"""The process of a check: it starts the application on a copy of the database, and describes the plugins."""

import asyncio
import contextlib
import dataclasses
import os
from multiprocessing.connection import Connection

from portico.cli.start_check.database_copy import DatabaseCopy, UnusableDatabase
from portico.cli.start_check.plan import MORE_SECONDS, CheckPlan, StartCheck
from portico.errors import OperatorError
from portico.settings.database import DatabaseSettings
from portico.settings.load import LoadedSettings
from portico.settings.secret_key import FILE_NAME, ensure_secret_key
from portico.settings.section import Secret


def run(plan: CheckPlan, connection: Connection) -> None:
    """Start in this process and send the result."""
    try:
        found = asyncio.Runner().run(TriedStart(plan, connection).run())
        connection.send(("done", dataclasses.asdict(found)))
    except OperatorError as error:
        connection.send(("error", str(error)))
    except Exception as error:  # noqa: BLE001 - a bug, which this process reports to the other one
        connection.send(("error", f"{type(error).__name__}: {error}"))
    connection.close()
    os._exit(0)  # whatever tasks and threads plugins have left


class TriedStart:
    """One start on a copy."""

    def __init__(self, plan: CheckPlan, connection: Connection) -> None:
        self._plan, self._connection = plan, connection
        self._found = StartCheck()
        self._database = DatabaseCopy(plan, self._found)

    async def run(self) -> StartCheck:
        """Start, and describe the plugins. Raises: OperatorError."""
        try:
            async with self._database.copied() as settings:
                await self._start(settings)
        except UnusableDatabase as error:
            # All the rest is tried nevertheless.
            await self._start(self._database.replaced_by(DatabaseSettings()))
            self._found.refusals[:0] = [f"the database cannot be used: {error}"]
        return self._found

    async def _start(self, loaded: LoadedSettings) -> None:
        from portico.app import Portico
        from portico.cli.commands import core_commands
        from portico.cli.plugin_commands import describe_commands

        portico = Portico(
            loaded,
            self._secret(),
            on_doing=lambda what: self._connection.send(("doing", what)),
        )
        try:
            async with asyncio.timeout(loaded.settings.server.start_limit + MORE_SECONDS / 2):
                self._found.notes += await portico.check_start(
                    packaged_policies_only=self._plan.packaged_policies_only
                )
        except TimeoutError:
            self._found.refusals.append(
                f"the start takes too long: it was {portico.application.doing}"
            )
        except OperatorError as error:
            self._found.refusals += str(error).splitlines()
        application = portico.application
        describe_commands(application, {str(one.name) for one in core_commands()})
        self._found.plugins = [record.described() for record in application.registry]
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await portico.stop()

    def _secret(self) -> Secret | None:
        settings, data_dir = self._plan.loaded.settings, self._plan.data_dir
        if settings.identity.secret_key or (data_dir / FILE_NAME).exists():
            return ensure_secret_key(settings, data_dir)
        return None  # none was created yet
