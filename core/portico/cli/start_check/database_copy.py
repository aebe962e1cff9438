"""A copy of the database for a start that is only tried: of an SQLite file, or an empty schema of PostgreSQL."""

import asyncio
import contextlib
import dataclasses
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec

from portico.cli.start_check.plan import CheckPlan, StartCheck
from portico.db import Database, RollBack, apply_steps, cause_of, schema_status
from portico.db.address import SQLiteAddress, find_database, open_database
from portico.errors import OperatorError, Unavailable
from portico.settings.database import DatabaseSettings
from portico.settings.load import LoadedSettings

#: A larger SQLite file is not copied; its pending migrations are then not tried on its rows.
MAX_COPIED_BYTES: Final = 4 * 1024**3
#: Seconds that a statement of a migration waits for a lock on a table in use.
LOCK_SECONDS: Final = 2


class UnusableDatabase(Exception):
    """The database does not answer, or cannot be opened."""


class DatabaseCopy:
    """The copy of one check. What is found about the database itself is added to `found`."""

    def __init__(self, plan: CheckPlan, found: StartCheck) -> None:
        self._plan, self._found = plan, found
        self._loaded, self._data_dir = plan.loaded, plan.data_dir

    @contextlib.asynccontextmanager
    async def copied(self) -> AsyncIterator[LoadedSettings]:
        """Yield settings with a copy of the database and an empty data directory."""
        settings = self._loaded.settings
        address = find_database(settings.database, self._data_dir)
        if isinstance(address, SQLiteAddress):
            path = self._plan.directory / "portico.db"
            if size := _size_of(address.path):
                await self._copy_file(address.path, size, path)
            scheme = "sqlite" if address.password is None else "sqlite+sqlcipher"
            yield self._with_database(url=f"{scheme}://{path}")
            return
        schema = self._plan.schema
        database = await self._open()
        try:
            yield self._with_database(schema=schema)
            await self._try_pending(database)
        finally:
            with contextlib.suppress(Unavailable):
                await database.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
            await database.stop()

    async def _open(self) -> Database:
        """Return the database itself, started. Raises: UnusableDatabase."""
        try:
            database = open_database(self._loaded.settings.database, self._data_dir)
            await database.start()
        except (Unavailable, OperatorError) as error:
            raise UnusableDatabase(str(cause_of(error) or error.__cause__ or error)) from error
        return database

    async def _copy_file(self, path: Path, size: int, target: Path) -> None:
        if size > MAX_COPIED_BYTES:
            self._found.notes.append(
                f"{path} is larger than {MAX_COPIED_BYTES >> 30} GiB, so migrations were tried on an empty database"
            )
            return
        database = await self._open()
        try:
            with await database.open_copy() as source, target.open("wb") as copied:
                await asyncio.to_thread(shutil.copyfileobj, source, copied, 1024 * 1024)
        finally:
            await database.stop()

    def _with_database(self, **changes: Any) -> LoadedSettings:
        return self.replaced_by(msgspec.structs.replace(self._loaded.settings.database, **changes))

    def replaced_by(self, database: DatabaseSettings) -> LoadedSettings:
        """Return the settings with another database and data directory."""
        copied = msgspec.structs.replace(database, require_existing=False)
        settings = msgspec.structs.replace(
            self._loaded.settings, data_dir=str(self._plan.directory), database=copied
        )
        if self._plan.packaged_policies_only:
            access = msgspec.structs.replace(settings.access, policy_dir="")
            settings = msgspec.structs.replace(settings, access=access)
        return dataclasses.replace(self._loaded, settings=settings)

    async def _try_pending(self, database: Database) -> None:
        """Apply pending migrations to the real tables and roll back. Adds what fails to the result."""
        from portico.boot import Application

        sets = Application(self._loaded).table_sets
        with database.use():
            status = await schema_status(database, sets)
        if status.unknown:
            self._found.refusals.append(
                f"a newer release has changed the schema: {', '.join(sorted(status.unknown))}"
            )
        if status.is_empty or not status.pending:
            return
        failed: dict[str, str] = {}
        async with database.migrating():
            with database.use(), contextlib.suppress(RollBack):
                async with database.transaction():
                    await database.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                    failed = (await apply_steps(database, sets)).failed
                    raise RollBack
        for one in self._found.plugins:
            if (reason := failed.get(one["name"])) and one["state"] == "active":
                one |= {
                    "state": "failed",
                    "fault": "migration",
                    "reason": f"its migration failed: {reason}",
                    "contributes": {},
                }


async def drop_schema(plan: CheckPlan) -> None:
    """Delete what a process that was ended has left in PostgreSQL."""
    settings = plan.loaded.settings.database
    if isinstance(find_database(settings, plan.data_dir), SQLiteAddress):
        return
    database = open_database(settings, plan.data_dir)
    with contextlib.suppress(Unavailable, OperatorError):
        await database.start()
        await database.execute(f'DROP SCHEMA IF EXISTS "{plan.schema}" CASCADE')
        await database.stop()


def _size_of(path: Path) -> int:
    """Return the bytes of a file; 0 = there is none."""
    return path.stat().st_size if path.exists() else 0
