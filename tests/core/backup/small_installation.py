"""A small installation without plugins: an SQLite file with one table, and a store with contents.

Run as a program it makes or restores a backup and stays in one stage, so that a test can kill it there.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.engines import choose

from portico.backup.contents import StoredContents
from portico.backup.creation import BackupOptions, create_backup
from portico.backup.installation import Installation
from portico.backup.manifest import BackupManifest
from portico.backup.opened_backup import OpenedBackup, open_backup
from portico.backup.restoration import RestoreOptions, RestoreReport, restore_backup
from portico.backup.storage import BackupStorage
from portico.backup.targets import open_target
from portico.backup.verification import verify_backup
from portico.db import open_database
from portico.db.sqlite.database import SQLite
from portico.settings.backup import BackupSettings
from portico.settings.schema import CoreSettings
from portico_files.stores.local import LocalStore

NAME = "tests:things"


class Silence:
    """A progress that is not shown. `stop_at`: the stage in which the process says so and waits to be killed."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at = stop_at
        self.notes: list[str] = []

    def stage(self, label: str, total: int = 0) -> None:
        if self.stop_at and label.startswith(self.stop_at):
            print("reached", flush=True)
            time.sleep(600)

    def advance(self, size: int) -> None:
        pass

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


class SmallInstallation:
    """One in a directory. All methods block."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings = CoreSettings(data_dir=str(directory))
        self._threads = ThreadPoolExecutor(2)
        self.store = LocalStore(directory / "things", self._threads, is_chosen=True)

    @property
    def path(self) -> Path:
        return self.directory / "portico.db"

    def installation(self) -> Installation:
        database = open_database(self.settings.database, self.directory)
        contents = {NAME: StoredContents("things", self.store, "things", "id", "bytes")}
        return Installation(self.settings, database, {}, contents)

    def fill(self, **contents: bytes) -> None:
        """Add contents with their rows."""

        async def work(database: SQLite) -> None:
            await database.execute(
                "CREATE TABLE IF NOT EXISTS things (id TEXT PRIMARY KEY, bytes BIGINT NOT NULL)"
            )
            await self.store.start()
            for key, data in contents.items():
                await database.execute("INSERT INTO things VALUES ($1, $2)", key, len(data))
                new = self.store.create(key)
                new.write(data)
                await new.keep()

        self.with_database(work)

    def ids(self) -> list[str]:
        """Return the ids of all rows."""
        found: list[str] = []

        async def work(database: SQLite) -> None:
            rows = await database.rows("SELECT id FROM things ORDER BY id")
            found.extend(row["id"] for row in rows)

        self.with_database(work)
        return found

    def contents(self) -> dict[str, bytes]:
        """Return what the store has."""
        return {path.name: path.read_bytes() for path in (self.directory / "things").glob("*/*")}

    def with_database(self, work: Callable[[SQLite], object]) -> None:
        async def inside() -> None:
            database = open_database(self.settings.database, self.directory)
            assert isinstance(database, SQLite)
            await database.start()
            try:
                with database.use():
                    await work(database)  # type: ignore[misc]
            finally:
                await database.stop()

        asyncio.run(inside())

    def back_up(
        self, target: str | BackupStorage, passphrase: bytes | None = None, stop_at: str = ""
    ) -> BackupManifest:
        """Make a backup."""

        async def work() -> BackupManifest:
            place = self.installation()
            await place.database.start()
            storage = storage_at(target)
            try:
                with place.database.use():
                    options = BackupOptions(passphrase)
                    return await create_backup(place, storage, options, Silence(stop_at))
            finally:
                storage.close()
                await place.database.stop()

        return asyncio.run(work())

    def verify(self, target: str | BackupStorage, passphrase: bytes | None = None) -> OpenedBackup:
        """Verify a backup. Its scratch file is beside the database."""

        async def work() -> OpenedBackup:
            storage = storage_at(target)
            try:
                opened = await open_backup(storage, passphrase)
                assert await verify_backup(opened, self.installation(), None, Silence())
                return opened
            finally:
                storage.close()

        return asyncio.run(work())

    def restore(
        self,
        target: str | BackupStorage,
        passphrase: bytes | None = None,
        stop_at: str = "",
        **options: bool,
    ) -> RestoreReport:
        """Restore a backup."""

        async def work() -> RestoreReport:
            storage = storage_at(target)
            try:
                opened = await open_backup(storage, passphrase)
                chosen = RestoreOptions(**options)
                return await restore_backup(opened, self.installation(), chosen, Silence(stop_at))
            finally:
                storage.close()

        return asyncio.run(work())


def storage_at(target: str | BackupStorage) -> BackupStorage:
    if isinstance(target, str):
        return open_target(target, BackupSettings(), must_exist=False)
    return target


if __name__ == "__main__":
    choose()
    action, folder, where, stage = sys.argv[1:]
    small = SmallInstallation(Path(folder))
    if action == "backup":
        small.back_up(where, stop_at=stage)
    else:
        small.restore(where, stop_at=stage, overwrite=True)
