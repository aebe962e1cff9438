"""Restores a backup: first the contents of the stores, then the database, in one step that happens or does not.

Contents are only added, so a restoration that ends in the middle leaves the former installation as it was.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from portico.backup.after_restore import adapt
from portico.backup.content_index import ContentEntry
from portico.backup.contents import StoredContents
from portico.backup.encoding import DAMAGED
from portico.backup.errors import BackupRefused, DamagedBackup
from portico.backup.installation import Installation, Progress
from portico.backup.opened_backup import OpenedBackup
from portico.backup.policy_files import MAX_BYTES, checked_policy_files, write_policy_files
from portico.backup.postgres_snapshot import load_description, restore_rows
from portico.backup.restored_keys import StoredKeys, misfit_of, read_stored_keys, write_keys
from portico.backup.scratch_schema import (
    create_schema,
    current_schema,
    former_schema,
    move_all,
    objects_in,
    scratch_schema,
)
from portico.backup.verification import scratch_file, sqlite_at
from portico.db import BadDatabase
from portico.db.address import PostgresAddress, SQLiteAddress, find_database, open_database
from portico.db.postgres.database import Postgres
from portico.db.sqlite.file_lock import DatabaseFileLock
from portico.db.sqlite.file_swap import finish_log, put_in_place
from portico.db.table_guard import existing_tables
from portico.errors import NotFound, Unavailable
from portico.instances import live_instances

#: Puts what was restored in the place of the former database.
Replace = Callable[[], Awaitable[None]]
OVERWRITE = "Add --overwrite to replace it; it is kept beside the restored one."


@dataclass(frozen=True)
class RestoreOptions:
    """`overwrite`: replace a database that exists. `ignore_keys`: although the configured keys do not fit."""

    overwrite: bool = False
    keep_sessions: bool = False
    ignore_keys: bool = False


@dataclass
class RestoreReport:
    """Where the former parts are kept, and what is left to do. `former`: empty = there was no database."""

    former: str = ""
    notes: list[str] = field(default_factory=list)


async def restore_backup(
    backup: OpenedBackup, place: Installation, options: RestoreOptions, progress: Progress
) -> RestoreReport:
    """Restore a backup into this installation. Raises: BackupRefused, DamagedBackup, and then nothing is replaced."""
    report = RestoreReport()
    address = find_database(place.settings.database, place.data_dir)
    await _check(backup, place, address)
    keys = await _keys_to_write(backup, place, options, report)
    policies = await _policies(backup)
    changing = _replacing_file if isinstance(address, SQLiteAddress) else _replacing_schema
    async with changing(backup, place, options, progress, report) as replace:
        await _restore_contents(backup, place, progress)
        if keys is not None:
            report.notes += await asyncio.to_thread(write_keys, keys, place)
        await replace()
    if policies is not None:
        await asyncio.to_thread(_restore_policies, policies, place, report)
    return report


async def _check(
    backup: OpenedBackup, place: Installation, address: SQLiteAddress | PostgresAddress
) -> None:
    """Raises: BackupRefused if the backup cannot be restored into this installation."""
    manifest = backup.manifest
    here = "sqlite" if isinstance(address, SQLiteAddress) else "postgres"
    if manifest.dialect != here:
        names = {"sqlite": "an SQLite file", "postgres": "PostgreSQL"}
        raise BackupRefused(
            f"The backup is of {names.get(manifest.dialect, 'an unknown database')}, and the database of the settings is "
            f"{names[here]}. Set DATABASE_URL to one of the same kind; `portico export` and `portico import` move data "
            "between both."
        )
    if isinstance(address, SQLiteAddress):
        if manifest.is_encrypted_file and address.password is None:
            sqlite_at(address.path, manifest, place)  # says what to set
        if not manifest.is_encrypted_file and address.password is not None:
            raise BackupRefused(
                "The database of the backup is not encrypted: restore it without DATABASE_TYPE and DATABASE_PASSWORD, then "
                "run `portico db encrypt`."
            )
    names_here = set(place.contents)
    if missing := sorted({one.name for one in manifest.summaries if one.number} - names_here):
        raise BackupRefused(
            f"The backup has contents of {', '.join(missing)} (plugin:store), which is not loaded here. Install or enable "
            "that plugin."
        )
    await asyncio.to_thread(backup.check_places)


async def _keys_to_write(
    backup: OpenedBackup, place: Installation, options: RestoreOptions, report: RestoreReport
) -> StoredKeys | None:
    """Return the keys that have to be stored; None = those that are configured fit. Raises: BackupRefused."""
    misfit = await asyncio.to_thread(misfit_of, backup.manifest.keys, place)
    if not misfit:
        return None
    if backup.manifest.secrets is not None:
        return read_stored_keys(
            await asyncio.to_thread(backup.parts.read_json, backup.manifest.secrets)
        )
    if not options.ignore_keys:
        raise BackupRefused(
            f"{misfit} If the key is lost, add --ignore-keys; encrypted values are lost then."
        )
    report.notes.append(
        "Run `portico secret replace` before the server starts: the keys are others."
    )
    return None


async def _policies(backup: OpenedBackup) -> dict[str, str] | None:
    part = backup.manifest.policies
    if part is None:
        return None
    return checked_policy_files(await asyncio.to_thread(backup.parts.read_json, part, MAX_BYTES))


def _restore_policies(files: dict[str, str], place: Installation, report: RestoreReport) -> None:
    directory = place.policy_dir
    if directory is None:
        if files:
            directory = place.data_dir / "restored_policies"
            report.notes.append(
                f"No policy directory is configured, so the policy files are in {directory}."
            )
        else:
            return
    try:
        old = write_policy_files(files, directory)
    except OSError as error:
        other = place.data_dir / "restored_policies"
        write_policy_files(files, other)
        report.notes.append(
            f"{directory} cannot be replaced ({error.strerror}): copy the policy files from {other}."
        )
        return
    if old is not None:
        report.notes.append(f"The former policy files are kept in {old}.")


# -- contents -----------------------------------------------------------------------------------------------


async def _restore_contents(backup: OpenedBackup, place: Installation, progress: Progress) -> None:
    """Add the contents to the stores; those that they have already are compared."""
    progress.stage("Restoring files", sum(one.bytes for one in backup.manifest.summaries))
    for name in {one.name for one in backup.manifest.summaries if one.number}:
        await place.contents[name].store.start()
    entries = backup.contents()
    while (entry := await asyncio.to_thread(next, entries, None)) is not None:
        if entry.part is None or not entry.is_listed:
            continue
        contents = place.contents.get(entry.store)
        if contents is None:
            raise DamagedBackup(DAMAGED.format("its contents are not those that it lists"))
        if not await _is_there(contents, entry):
            await _restore_content(backup, contents, entry)
        progress.advance(entry.part.plain_size)


async def _is_there(contents: StoredContents, entry: ContentEntry) -> bool:
    """Return whether the store has this content. Another one under its key is deleted."""
    store, part = contents.store, entry.part
    assert part is not None
    if not await store.exists(entry.key):
        return False
    digest = hashlib.sha256()
    with suppress(NotFound):
        async for block in store.read(entry.key, 0, part.plain_size + 1):
            digest.update(block)
    if digest.hexdigest() == part.plain_digest:
        return True
    await store.delete(entry.key)  # it was cut short: contents never change
    return False


async def _restore_content(
    backup: OpenedBackup, contents: StoredContents, entry: ContentEntry
) -> None:
    assert entry.part is not None
    new = contents.store.create(entry.key)
    try:
        blocks = backup.parts.read(entry.part)
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            await asyncio.to_thread(new.write, block)
        await new.keep()
    except BaseException:
        await asyncio.to_thread(new.discard)
        await contents.store.delete(entry.key)
        raise
    await asyncio.to_thread(new.discard)


# -- SQLite -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _replacing_file(
    backup: OpenedBackup,
    place: Installation,
    options: RestoreOptions,
    progress: Progress,
    report: RestoreReport,
) -> AsyncIterator[Replace]:
    """Hold the file locked, and yield what replaces it. Raises: BackupRefused."""
    address = find_database(place.settings.database, place.data_dir)
    assert isinstance(address, SQLiteAddress)
    path = address.path.resolve()
    exists = path.exists() and path.stat().st_size > 0
    if exists:
        if not options.overwrite:
            raise BackupRefused(f"There is a database at {path}. {OVERWRITE}")
        await _refuse_live_on_sqlite(place)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    manifest = backup.manifest
    with ExitStack() as locks:
        locks.enter_context(DatabaseFileLock(path, exclusive=True))
        async with scratch_file(backup, place, path.parent, progress) as new:
            progress.stage("Preparing the database")
            database = sqlite_at(new, manifest, place)
            await database.start()
            try:
                with database.use():
                    async with database.transaction():
                        await adapt(
                            database,
                            place.table_sets,
                            manifest,
                            keep_sessions=options.keep_sessions,
                        )
            finally:
                await database.stop()
            await asyncio.to_thread(finish_log, database.file_at(new))

            async def replace() -> None:
                old = None
                with suppress(BadDatabase):
                    old = sqlite_at(path, manifest, place).file_at(path) if exists else None
                _give_owner(new, path if exists else path.parent)
                kept = await asyncio.to_thread(put_in_place, new, path, old, "restore")
                report.former = str(kept or "")

            yield replace


async def _refuse_live_on_sqlite(place: Installation) -> None:
    """Raises: BackupRefused while an instance is alive. Of a damaged file nothing is known: its lock decides."""
    database = open_database(place.settings.database, place.data_dir)
    try:
        await database.start()
    except (BadDatabase, Unavailable):
        return
    try:
        with database.use(), suppress(Unavailable):
            if "portico_instance" in await existing_tables(database):
                await _refuse_live()
    finally:
        await database.stop()


async def _refuse_live() -> None:
    if alive := await live_instances(migrated=False):
        listed = "\n".join(str(one) for one in alive)
        raise BackupRefused(
            "An instance is running. Stop all of them first; one that was killed on another machine counts for 30 s.\n"
            f"{listed}"
        )


def _give_owner(path: Path, like: Path) -> None:
    """Have the file belong to the owner of another, if the command is run by root."""
    if os.geteuid() == 0:
        status = like.stat()
        os.chown(path, status.st_uid, status.st_gid)


# -- PostgreSQL ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def _replacing_schema(
    backup: OpenedBackup,
    place: Installation,
    options: RestoreOptions,
    progress: Progress,
    report: RestoreReport,
) -> AsyncIterator[Replace]:
    """Yield what replaces the tables. Its transaction has everything or nothing. Raises: BackupRefused."""
    manifest = backup.manifest
    description = await load_description(backup.parts, manifest.database)
    database = open_database(place.settings.database, place.data_dir)
    assert isinstance(database, Postgres)
    await database.start()
    try:
        async with database.migrating():
            with database.use():
                schema = await current_schema(database)
                former = await objects_in(database, schema)
                if former and not options.overwrite:
                    raise BackupRefused(f"There are tables in the schema {schema!r}. {OVERWRITE}")

                async def replace() -> None:
                    async with database.transaction():
                        if "portico_instance" in await existing_tables(database):
                            await _refuse_live()
                        scratch = await scratch_schema(database)
                        size = sum(t.part.size for t in manifest.tables if t.part is not None)
                        progress.stage("Restoring the database", size)
                        await restore_rows(
                            database, backup.parts, description, manifest.tables, progress.advance
                        )
                        await adapt(
                            database,
                            place.table_sets,
                            manifest,
                            keep_sessions=options.keep_sessions,
                        )
                        restored = await objects_in(database, scratch)
                        if former:
                            report.former = former_schema()
                            await create_schema(database, report.former)
                            await move_all(
                                database, await objects_in(database, schema), schema, report.former
                            )
                        await move_all(database, restored, scratch, schema)
                        await database.execute(f'DROP SCHEMA "{scratch}"')

                if "portico_instance" in await existing_tables(database):
                    await _refuse_live()
                yield replace
    finally:
        await database.stop()
