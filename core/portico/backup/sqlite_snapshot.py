"""A copy of an SQLite file, as it was at one moment."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from portico.backup.encoding import BLOCK_BYTES, DAMAGED
from portico.backup.errors import DamagedBackup
from portico.backup.manifest import StoredPart, TablePart
from portico.backup.parts import PartStore
from portico.db import Row
from portico.db.sqlite.database import SQLite
from portico.db.sqlite.file import SQLiteFile
from portico.db.sqlite.statements import fetch, prepare

#: A virtual table has its rows in others.
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND upper(sql) NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"


class SQLiteSnapshot:
    """The copy, open for reading."""

    def __init__(self, file: SQLiteFile, connection: Any) -> None:
        self._file, self._connection = file, connection

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Run a query."""
        text, _ = prepare(sql)
        return await asyncio.to_thread(fetch, self._connection, text, values)

    async def has_table(self, name: str) -> bool:
        """Return whether there is such a table."""
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1"
        return bool(await self.rows(sql, name))

    async def store(
        self, parts: PartStore, prefix: str, on_bytes: Callable[[int], object]
    ) -> tuple[StoredPart, list[TablePart]]:
        """Store the file, and return its part and the number of rows of each table."""

        def blocks() -> Iterator[bytes]:
            # SQLite has it open only for reading, and this process holds no lock on it that it could lose.
            with self._file.path.open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    yield block
                    on_bytes(len(block))

        tables = await asyncio.to_thread(count_rows, self._connection)
        part = await asyncio.to_thread(parts.store, f"{prefix}database", blocks())
        return part, [TablePart(name, rows) for name, rows in tables.items()]

    def size(self) -> int:
        """Return the bytes of the file."""
        return self._file.path.stat().st_size


@asynccontextmanager
async def sqlite_snapshot(database: SQLite) -> AsyncIterator[SQLiteSnapshot]:
    """Yield a copy, which is deleted at the end. Neither readers nor writers of the database wait for it."""
    async with database.named_copy() as file:
        with closing(file.connect()) as connection:
            yield SQLiteSnapshot(file, connection)


def count_rows(connection: Any) -> dict[str, int]:
    """Return the number of rows of each table. Blocks."""
    found = {}
    for (name,) in connection.execute(_TABLES).fetchall():
        quoted = name.replace('"', '""')
        (found[name],) = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()  # noqa: S608
    return found


def check_sqlite_file(file: SQLiteFile, tables: tuple[TablePart, ...]) -> None:
    """Check a restored file: that it is whole, and has the rows that it must have. Blocks. Raises: DamagedBackup."""
    with closing(file.connect()) as connection:
        if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            raise DamagedBackup(DAMAGED.format("SQLite finds faults in the database"))
        if count_rows(connection) != {one.name: one.rows for one in tables}:
            raise DamagedBackup(DAMAGED.format("the tables have other rows than it says"))


def write_file(path: Path, blocks: Iterator[bytes]) -> None:
    """Write a new file that only its owner can read. Blocks."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
