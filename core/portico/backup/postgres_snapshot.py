"""A PostgreSQL database, as it was at one moment: read in one transaction, written in one transaction."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg
import msgspec

from portico.backup.encoding import DAMAGED
from portico.backup.errors import DamagedBackup
from portico.backup.manifest import StoredPart, TablePart
from portico.backup.parts import OpenPart, PartStore
from portico.backup.postgres_schema import (
    SchemaDescription,
    describe_schema,
    read_description,
    run_statement,
    set_sequences,
)
from portico.db import ForeignKeyViolation, UniqueViolation
from portico.db.postgres.database import Postgres

#: Bytes that are collected before a thread encodes them.
BUFFER_BYTES: Final = 256 * 1024
#: Bytes of the description of a schema.
MAX_DESCRIPTION_BYTES: Final = 64 * 1024 * 1024
#: What the texts of values depend on.
_FORMATS: Final = (
    "SELECT set_config('DateStyle', 'ISO', true), set_config('IntervalStyle', 'postgres', true), "
    "set_config('TimeZone', 'UTC', true), set_config('extra_float_digits', '3', true), "
    "set_config('bytea_output', 'hex', true), set_config('check_function_bodies', 'off', true), "
    "set_config('synchronize_seqscans', 'off', true)"
)


class PostgresSnapshot:
    """An open transaction that sees the database as it was when it began."""

    def __init__(self, database: Postgres) -> None:
        self._database = database
        self.rows = database.rows

    async def has_table(self, name: str) -> bool:
        """Return whether there is such a table."""
        return bool(
            await self.rows("SELECT 1 WHERE to_regclass(quote_ident($1)) IS NOT NULL", name)
        )

    async def store(
        self, parts: PartStore, prefix: str, on_bytes: Callable[[int], object]
    ) -> tuple[StoredPart, list[TablePart]]:
        """Store the schema and each table, and return their parts."""
        description = await describe_schema(self._database)
        tables = []
        for number, table in enumerate(description.tables, start=1):
            part = await asyncio.to_thread(parts.open, f"{prefix}table{number}")
            try:
                count = await copy_table(self._database, table.name, table.columns, part, on_bytes)
                stored = await asyncio.to_thread(part.finish)
            finally:
                part.discard()
            tables.append(TablePart(table.name, count, table.columns, stored))
        text = [msgspec.json.encode(description)]
        return await asyncio.to_thread(parts.store, f"{prefix}database", text), tables

    async def size(self) -> int:
        """Return about how many bytes the tables have."""
        sql = (
            "SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint AS size FROM pg_class c WHERE c.relkind = 'r' "
            "AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
        )
        return int((await self.rows(sql))[0]["size"])


@asynccontextmanager
async def postgres_snapshot(database: Postgres) -> AsyncIterator[PostgresSnapshot]:
    """Yield the snapshot. Writers do not wait for it."""
    async with database.transaction():
        await database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        await database.rows(_FORMATS)
        yield PostgresSnapshot(database)


class _Digest:
    """Takes the place of a part where only the digest of the rows is needed."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._hash.update(data)

    @property
    def plain_digest(self) -> str:
        return self._hash.hexdigest()


async def copy_table(
    database: Postgres,
    table: str,
    columns: tuple[str, ...],
    part: "OpenPart | _Digest",
    on_bytes: Callable[[int], object] = lambda _: None,
) -> int:
    """Write the rows of a table into a part, and return their number."""
    buffer = bytearray()

    async def write(data: bytes) -> None:
        buffer.extend(data)
        if len(buffer) >= BUFFER_BYTES:
            block = bytes(buffer)
            buffer.clear()
            await asyncio.to_thread(part.write, block)
            on_bytes(len(block))

    count = await database.copy_out(table, columns, write)
    if buffer:
        await asyncio.to_thread(part.write, bytes(buffer))
        on_bytes(len(buffer))
    return count


async def restore_rows(
    database: Postgres,
    parts: PartStore,
    description: SchemaDescription,
    tables: tuple[TablePart, ...],
    on_bytes: Callable[[int], object],
) -> None:
    """Create everything of a backup in the current schema, in the open transaction. Raises: DamagedBackup."""
    await database.rows(_FORMATS)
    for statement in description.before:
        with _refused(statement):
            await run_statement(database, statement)
    stored = {one.name: one for one in tables}
    if stored.keys() != {one.name for one in description.tables}:
        raise DamagedBackup(DAMAGED.format("the tables are not those of the schema"))
    for table in description.tables:
        one = stored[table.name]
        assert one.part is not None
        blocks = _blocks(parts, one.part, on_bytes)
        with _refused(f"the rows of {table.name}"):
            count = await database.copy_in(table.name, table.columns, blocks)
        if count != one.rows:
            raise DamagedBackup(DAMAGED.format(f"{table.name} has {count} rows, not {one.rows}"))
    for statement in description.after:
        with _refused(statement):
            await run_statement(database, statement)
    await set_sequences(database, description)


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Raises: DamagedBackup if PostgreSQL does not take something, in place of the error of the driver."""
    try:
        yield
    except (asyncpg.PostgresError, UniqueViolation, ForeignKeyViolation) as error:
        raise DamagedBackup(
            f"PostgreSQL does not take {what[:100]!r} ({type(error).__name__}): the backup is damaged, or the server is "
            "older than the one of the backup, or lacks an extension."
        ) from error


async def check_rows(
    database: Postgres,
    description: SchemaDescription,
    tables: tuple[TablePart, ...],
    on_bytes: Callable[[int], object],
) -> None:
    """Compare what was restored in the current schema with the backup, byte for byte. Raises: DamagedBackup."""
    if await describe_schema(database) != description:
        raise DamagedBackup("The schema that was restored is another one than that of the backup.")
    for table in tables:
        digest = _Digest()
        await copy_table(database, table.name, table.columns, digest, on_bytes)
        if table.part is None or digest.plain_digest != table.part.plain_digest:
            raise DamagedBackup(f"The rows of {table.name} that were restored are others.")


async def load_description(parts: PartStore, part: StoredPart) -> SchemaDescription:
    """Return the description of the schema. Raises: DamagedBackup."""
    if part.plain_size > MAX_DESCRIPTION_BYTES:
        raise DamagedBackup(DAMAGED.format("its schema is too large"))
    return read_description(await asyncio.to_thread(lambda: b"".join(parts.read(part))))


async def _blocks(
    parts: PartStore, part: StoredPart, on_bytes: Callable[[int], object]
) -> AsyncIterator[bytes]:
    blocks: Any = parts.read(part, on_bytes)
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield block
