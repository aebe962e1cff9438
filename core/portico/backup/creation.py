"""Makes a backup, beside processes that serve.

The contents of the stores are copied first, then the database as it is at one moment, then the contents that were added
meanwhile. If one of them was deleted before it was copied, the database is read again, so that both fit together.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from portico import __version__
from portico.backup.content_index import KEY, ContentEntry, ContentIndex, read_entry
from portico.backup.contents import StoredContents
from portico.backup.errors import BackupRefused
from portico.backup.installation import Installation, Progress
from portico.backup.manifest import (
    BackupManifest,
    ContentSummary,
    EncodedManifest,
    KeyFingerprints,
    StoredPart,
    TablePart,
    encode_manifest,
    require_passphrase,
)
from portico.backup.parts import PartStore, lines_of
from portico.backup.passphrase import BackupKey, new_derivation
from portico.backup.policy_files import read_policy_files
from portico.backup.postgres_snapshot import PostgresSnapshot, postgres_snapshot
from portico.backup.sqlite_snapshot import SQLiteSnapshot, sqlite_snapshot
from portico.backup.storage import BackupStorage
from portico.db import Database, Row, current_database, now
from portico.db.address import SQLiteAddress, find_database
from portico.db.postgres.database import Postgres
from portico.db.sqlite.database import SQLite
from portico.db.table_guard import existing_tables
from portico.errors import NotFound
from portico.settings.secret_key import FILE_NAME, ensure_secret_key

#: How often the database is read again because a content was deleted meanwhile.
MAX_ATTEMPTS: Final = 5
#: Rows that one statement reads.
PAGE: Final = 500
Snapshot = SQLiteSnapshot | PostgresSnapshot


@dataclass(frozen=True)
class BackupOptions:
    """`passphrase`: None = not encrypted. `include_keys`: with the secret key and the encryption keys."""

    passphrase: bytes | None = None
    include_keys: bool = False


@dataclass(frozen=True)
class _Database:
    """What was read of the database."""

    part: StoredPart
    tables: list[TablePart]
    keys: KeyFingerprints


class DeletedMeanwhile(Exception):
    """A content of the database that was read was deleted before it was copied."""


def new_backup_id(at: int) -> str:
    """Return the id of a backup that is begun now. Ids sort by time, within a second too. `at`: epoch nanoseconds."""
    seconds, rest = divmod(at, 1_000_000_000)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
    return f"{stamp}-{rest // 1000:05x}{secrets.randbelow(4096):03x}"


async def create_backup(
    source: Installation, storage: BackupStorage, options: BackupOptions, progress: Progress
) -> BackupManifest:
    """Make a backup and return its manifest. The database is started and is the current one. Raises: BackupRefused."""
    check_options(source, options)
    begun_at = now()
    backup_id = new_backup_id(time.time_ns())
    await asyncio.to_thread(storage.begin, backup_id)
    run = _BackupRun(source, storage, progress, f"backups/{backup_id}/")
    try:
        await asyncio.to_thread(run.prepare, options.passphrase)
        manifest = await run.make(backup_id, begun_at, include_keys=options.include_keys)
        encoded = await asyncio.to_thread(encode_manifest, manifest, run.parts.key)
        await asyncio.to_thread(storage.publish, encoded)
        return manifest
    finally:
        run.index.close()


def check_options(source: Installation, options: BackupOptions) -> None:
    """Raises: BackupRefused if secrets would be stored in the clear."""
    address = find_database(source.settings.database, source.data_dir)
    if options.passphrase is not None:
        return
    if options.include_keys:
        raise BackupRefused("Keys are only stored in an encrypted backup: add --encrypt.")
    if isinstance(address, SQLiteAddress) and address.password is not None:
        raise BackupRefused(
            "The database is encrypted, so its backup must be, too: add --encrypt and --passphrase-file."
        )


class _BackupRun:
    """One backup that is being made."""

    def __init__(
        self, source: Installation, storage: BackupStorage, progress: Progress, prefix: str
    ) -> None:
        self._source, self._storage, self._progress, self._prefix = (
            source,
            storage,
            progress,
            prefix,
        )
        self.index = ContentIndex()
        self.parts = PartStore(storage, None)
        self._discarded: list[StoredPart] = []
        self._wanted: list[tuple[str, str, int]] = []

    def prepare(self, passphrase: bytes | None) -> None:
        """Derive the key, and read what the target has already. Blocks."""
        ids = self._storage.backup_ids() if self._storage.is_shared else []
        if not ids:
            key = BackupKey(passphrase, new_derivation()) if passphrase is not None else None
            self.parts = PartStore(self._storage, key)
            return
        newest = EncodedManifest(self._storage.manifest(ids[-1]))
        require_passphrase(newest, passphrase)
        self.parts = PartStore(self._storage, newest.key(passphrase))
        manifest = newest.open(self.parts.key)
        self.index.add_present(self._storage.contents())
        lines = lines_of(self.parts.read(manifest.contents))
        self.index.add_known(read_entry(line) for line in lines)

    async def make(self, backup_id: str, begun_at: int, *, include_keys: bool) -> BackupManifest:
        """Copy everything and return the manifest."""
        tables = await existing_tables(current_database())
        for name, contents in self._source.contents.items():
            if contents.table in tables:
                await contents.store.start()
                await self._copy_live(name, contents)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            read = await self._copy_database()
            try:
                await self._copy_listed()
                break
            except DeletedMeanwhile as error:
                self._discarded += [read.part, *(t.part for t in read.tables if t.part is not None)]
                if attempt == MAX_ATTEMPTS:
                    raise BackupRefused(
                        "Files are deleted so fast that no moment fits: try again when the server does less."
                    ) from error
        summaries = [await self._summary(name) for name in self._source.contents]
        blocks = self.index.blocks(all_parts=not self._storage.is_shared)
        listed = await asyncio.to_thread(self.parts.store, f"{self._prefix}contents", blocks)
        policies = await self._store_json("policies", await self._policies())
        keys = await self._store_json("secrets", _secrets(self._source) if include_keys else None)
        address = find_database(self._source.settings.database, self._source.data_dir)
        return BackupManifest(
            id=backup_id,
            begun_at=begun_at,
            ended_at=now(),
            release=__version__,
            dialect=current_database().dialect,
            database=read.part,
            tables=tuple(read.tables),
            keys=read.keys,
            contents=listed,
            summaries=tuple(summaries),
            is_encrypted_file=isinstance(address, SQLiteAddress) and address.password is not None,
            policies=policies,
            secrets=keys,
            discarded=tuple(self._discarded) if not self._storage.is_shared else (),
        )

    async def _copy_live(self, name: str, contents: StoredContents) -> None:
        """Copy what the store has now. What is deleted meanwhile does not matter."""
        total = await current_database().scan(
            f'SELECT CAST(coalesce(sum("{contents.size}"), 0) AS BIGINT) AS bytes FROM "{contents.table}"'  # noqa: S608
        )
        self._progress.stage(f"Copying {name.partition(':')[2]}", total[0]["bytes"])
        async for key, size in _keys(current_database().scan, contents):
            if not await asyncio.to_thread(self.index.has, name, key):
                try:
                    await self._copy(name, contents, key, size)
                except NotFound:
                    continue
            self._progress.advance(size)

    async def _copy_database(self) -> _Database:
        """Copy the database, and note which contents belong to it."""
        self._progress.stage("Copying the database")
        async with _snapshot(current_database()) as snapshot:
            size = (
                snapshot.size() if isinstance(snapshot, SQLiteSnapshot) else await snapshot.size()
            )
            self._progress.stage("Copying the database", size)
            part, tables = await snapshot.store(self.parts, self._prefix, self._progress.advance)
            keys = KeyFingerprints(
                await _fingerprint(snapshot, "portico_secret"),
                await _fingerprint(snapshot, "portico_encryption_key"),
            )
            self.index.forget_rows()
            self._wanted = []
            for name, contents in self._source.contents.items():
                if await snapshot.has_table(contents.table):
                    await self._list(snapshot, name, contents)
        return _Database(part, tables, keys)

    async def _list(self, snapshot: Snapshot, name: str, contents: StoredContents) -> None:
        async for key, size in _keys(snapshot.rows, contents):
            if not await asyncio.to_thread(self.index.has, name, key):
                self._wanted.append((name, key, size))

    async def _copy_listed(self) -> None:
        """Copy the contents that were added while others were copied. Raises: DeletedMeanwhile."""
        self._progress.stage("Copying new files", sum(size for _, _, size in self._wanted))
        for name, key, size in self._wanted:
            contents = self._source.contents[name]
            try:
                await self._copy(name, contents, key, size)
            except NotFound:
                if not await _has_row(contents, key):
                    raise DeletedMeanwhile from None
                self.index.add(ContentEntry(name, key, None))
            self._progress.advance(size)

    async def _copy(self, name: str, contents: StoredContents, key: str, size: int) -> None:
        """Copy one content, unless the target has it. Raises: NotFound."""
        part = await asyncio.to_thread(self.index.known, name, key)
        if part is None:
            part = await self._copy_new(contents, key, size)
        await asyncio.to_thread(self.index.add, ContentEntry(name, key, part))

    async def _copy_new(self, contents: StoredContents, key: str, size: int) -> StoredPart:
        new = await asyncio.to_thread(self.parts.open)
        try:
            async for block in contents.store.read(key, 0, size):
                await asyncio.to_thread(new.write, block)
            if not self._storage.is_shared:
                return await asyncio.to_thread(new.finish)
            digest = new.plain_digest
            if (stored := await asyncio.to_thread(self.index.by_digest, digest)) is not None:
                return stored
            key_ = self.parts.key
            stored_as = key_.name_of(digest) if key_ is not None else digest
            return await asyncio.to_thread(new.finish, f"contents/{stored_as[:2]}/{stored_as}")
        finally:
            await asyncio.to_thread(new.discard)

    async def _summary(self, name: str) -> ContentSummary:
        number, size, missing = await asyncio.to_thread(self.index.summary, name)
        if missing:
            self._progress.note(
                f"{missing} of {name} have no content in the store: `portico file check` lists them."
            )
        return ContentSummary(name, number, size, missing)

    async def _policies(self) -> dict[str, str] | None:
        directory = self._source.policy_dir
        return None if directory is None else await asyncio.to_thread(read_policy_files, directory)

    async def _store_json(self, name: str, value: object) -> StoredPart | None:
        if value is None:
            return None
        text = [msgspec.json.encode(value)]
        return await asyncio.to_thread(self.parts.store, f"{self._prefix}{name}", text)


@asynccontextmanager
async def _snapshot(database: Database) -> AsyncIterator[Snapshot]:
    if isinstance(database, SQLite):
        async with sqlite_snapshot(database) as copy:
            yield copy
        return
    assert isinstance(database, Postgres)
    async with postgres_snapshot(database) as seen:
        yield seen


async def _keys(
    rows: Callable[..., Awaitable[Sequence[Row]]], contents: StoredContents
) -> AsyncIterator[tuple[str, int]]:
    """Yield the keys of all contents with their sizes, in the order of the keys."""
    key, size = f'"{contents.key}"', f'"{contents.size}"'
    select = f'SELECT {key} AS key, {size} AS size FROM "{contents.table}"'  # noqa: S608 - a plugin's names
    last: tuple[str, ...] = ()
    while True:
        where = f" WHERE {key} > $1" if last else ""
        found = await rows(f"{select}{where} ORDER BY {key} LIMIT {PAGE}", *last)
        for row in found:
            if not KEY.fullmatch(row["key"]):
                raise BackupRefused(
                    f"{contents.table} has the key {row['key']!r}, which no content may have."
                )
            yield row["key"], row["size"]
        if len(found) < PAGE:
            return
        last = (found[-1]["key"],)


async def _has_row(contents: StoredContents, key: str) -> bool:
    sql = f'SELECT 1 FROM "{contents.table}" WHERE "{contents.key}" = $1'  # noqa: S608 - a plugin's names
    return bool(await current_database().rows(sql, key))


async def _fingerprint(snapshot: Snapshot, table: str) -> str | None:
    if not await snapshot.has_table(table):
        return None
    found = await snapshot.rows(f"SELECT fingerprint FROM {table} WHERE id = 1")  # noqa: S608 - a constant
    return found[0]["fingerprint"] if found else None


def _secrets(source: Installation) -> dict[str, object]:
    """Return the configured keys."""
    identity = source.settings.identity
    if not identity.secret_key and not (source.data_dir / FILE_NAME).exists():
        raise BackupRefused("There is no secret key yet, so leave out --include-keys.")
    return {
        "secret_key": ensure_secret_key(source.settings, source.data_dir).reveal(),
        "encryption_keys": [one.reveal() for one in identity.encryption_keys],
        "previous_secret_keys": [one.reveal() for one in identity.previous_secret_keys],
    }
