"""Verifies a backup: reads every byte of it, restores the database into a scratch place and compares what came out."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from portico.backup.content_index import ContentEntry
from portico.backup.encoding import DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.backup.installation import Installation, Progress
from portico.backup.manifest import BackupManifest, TablePart
from portico.backup.opened_backup import OpenedBackup
from portico.backup.policy_files import MAX_BYTES, checked_policy_files
from portico.backup.postgres_snapshot import check_rows, load_description, restore_rows
from portico.backup.scratch_schema import scratch_schema
from portico.backup.sqlite_snapshot import check_sqlite_file, write_file
from portico.db import RollBack
from portico.db.address import PostgresAddress, find_database, open_database
from portico.db.postgres.database import NO_LIMIT_SECONDS, Postgres
from portico.db.sqlite.database import SQLite

#: Bytes that stay free beside a scratch file.
FREE_BYTES: Final = 64 * 1024 * 1024
SCRATCH_PREFIX: Final = ".portico-scratch-"


async def verify_backup(
    backup: OpenedBackup, place: Installation, scratch: Path | None, progress: Progress
) -> bool:
    """Verify a backup. Returns whether its database was restored: one of PostgreSQL needs a PostgreSQL server.

    `place`: whose settings say where a scratch schema can be, and the password of an encrypted file. `scratch`: a
    directory for a scratch file; None = the data directory, else that for temporary files. Raises: DamagedBackup,
    BackupRefused.
    """
    await asyncio.to_thread(backup.check_places)
    await check_contents(backup, progress)
    if backup.manifest.dialect == "sqlite":
        directory = scratch or (
            place.data_dir if place.data_dir.is_dir() else Path(tempfile.gettempdir())
        )
        async with scratch_file(backup, place, directory, progress):
            return True
    return await _verify_postgres(backup, place, progress)


async def check_contents(backup: OpenedBackup, progress: Progress) -> None:
    """Read all contents, policy files and discarded parts. Raises: DamagedBackup."""
    manifest, parts = backup.manifest, backup.parts
    progress.stage("Reading files", sum(one.bytes for one in manifest.summaries))
    found: dict[str, list[int]] = {one.name: [0, 0, 0] for one in manifest.summaries}

    def check(entry: ContentEntry) -> None:
        counted = found.get(entry.store)
        if counted is None and entry.is_listed:
            raise DamagedBackup(DAMAGED.format("its contents are not those that it lists"))
        for block in parts.read(entry.part) if entry.part is not None else ():
            progress.advance(len(block))
        if entry.is_listed and counted is not None:
            size = entry.part.plain_size if entry.part is not None else 0
            counted[0] += entry.part is not None
            counted[1] += size
            counted[2] += entry.part is None

    entries = backup.contents()
    while (entry := await asyncio.to_thread(next, entries, None)) is not None:
        await asyncio.to_thread(check, entry)
    if found != {one.name: [one.number, one.bytes, one.missing] for one in manifest.summaries}:
        raise DamagedBackup(DAMAGED.format("it has other contents than it says"))
    if manifest.policies is not None:
        checked_policy_files(await asyncio.to_thread(parts.read_json, manifest.policies, MAX_BYTES))
    others = [*manifest.discarded, *([manifest.secrets] if manifest.secrets else [])]
    for part in others:
        await asyncio.to_thread(parts.check, part)


@asynccontextmanager
async def scratch_file(
    backup: OpenedBackup, place: Installation, directory: Path, progress: Progress
) -> AsyncIterator[Path]:
    """Restore an SQLite file into a directory of its own, check it, and yield its path. It is deleted at the end.

    Raises: DamagedBackup, BackupRefused.
    """
    manifest = backup.manifest
    require_space(directory, manifest.database.plain_size)
    progress.stage("Reading the database", manifest.database.size)
    await asyncio.to_thread(_delete_left_folders, directory)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=directory))
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / "portico.db"
        blocks = backup.parts.read(manifest.database, progress.advance)
        await asyncio.to_thread(write_file, path, blocks)
        database = sqlite_at(path, manifest, place)
        await asyncio.to_thread(lambda: check_sqlite_file(database.file_at(path), manifest.tables))
        yield path
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        os.close(lock)


def _delete_left_folders(directory: Path) -> None:
    """Delete the scratch folders of processes that were killed: nothing holds their lock."""
    for folder in directory.glob(f"{SCRATCH_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def sqlite_at(path: Path, manifest: BackupManifest, place: Installation) -> SQLite:
    """Return a restored file as a database, not started. Raises: BackupRefused without the password of the file."""
    settings = place.settings.database
    address = find_database(settings, place.data_dir)
    password = None if isinstance(address, PostgresAddress) else address.password
    if manifest.is_encrypted_file and password is None:
        raise BackupRefused(
            "The database of the backup is encrypted: set DATABASE_TYPE=sqlite+sqlcipher and DATABASE_PASSWORD, as they "
            "were when the backup was made."
        )
    return SQLite(path, settings, password if manifest.is_encrypted_file else None)


def require_space(directory: Path, size: int) -> None:
    """Raises: BackupRefused if a file of so many bytes does not fit into a directory."""
    if shutil.disk_usage(directory).free < size + FREE_BYTES:
        raise BackupRefused(
            f"{directory} has no space for {size // 2**20} MiB. Free some, or use another disk."
        )


async def _verify_postgres(backup: OpenedBackup, place: Installation, progress: Progress) -> bool:
    manifest = backup.manifest
    description = await load_description(backup.parts, manifest.database)
    size = sum(table.part.size for table in manifest.tables if table.part is not None)
    if not isinstance(find_database(place.settings.database, place.data_dir), PostgresAddress):
        progress.stage("Reading the database", size)
        for table in manifest.tables:
            await asyncio.to_thread(_count_rows, backup, table, progress)
        return False
    # Creating an index may take longer than a statement of the server may.
    settings = msgspec.structs.replace(place.settings.database, statement_timeout=NO_LIMIT_SECONDS)
    database = open_database(settings, place.data_dir)
    assert isinstance(database, Postgres)
    await database.start()
    try:
        progress.stage("Restoring the database", size)
        async with database.transaction():
            await scratch_schema(database)
            await restore_rows(
                database, backup.parts, description, manifest.tables, progress.advance
            )
            plain = sum(t.part.plain_size for t in manifest.tables if t.part is not None)
            progress.stage("Comparing the database", plain)
            await check_rows(database, description, manifest.tables, progress.advance)
            raise RollBack
    except RollBack:
        return True
    finally:
        await database.stop()


def _count_rows(backup: OpenedBackup, table: TablePart, progress: Progress) -> None:
    """Read the rows of a table. Raises: DamagedBackup."""
    if table.part is None:
        raise DamagedBackup(DAMAGED.format(f"{table.name} has no rows"))
    rows = sum(block.count(b"\n") for block in backup.parts.read(table.part, progress.advance))
    if rows != table.rows:
        raise DamagedBackup(DAMAGED.format(f"{table.name} has {rows} rows, not {table.rows}"))
