"""A SQLite file, read without a trace in its folder, also while the other server writes."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from portico.api import OperatorError
from portico_openwebui.databases.source_database import (
    MAX_PAGE_BYTES,
    SourceDatabase,
    bytes_of,
    quoted,
)
from portico_openwebui.values import Row

T = TypeVar("T")

_HEADER: Final = b"SQLite format 3\0"
#: Bytes of the header that say whether the file is in WAL mode.
_WRITE_VERSION: Final = 18
_WAL: Final = 2
#: How long a read waits for a write of the other server.
_WAIT_SECONDS: Final = 60


class SQLiteDatabase(SourceDatabase):
    """A SQLite file, opened strictly read-only. Text is read as bytes, since it may be no UTF-8.

    In WAL mode all pages are of one snapshot. In the other mode each page is read by itself: a longer read would block the other
    server. Statements run in threads, one at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_wal = _is_wal(path)
        self._connection: sqlite3.Connection | None = None
        self._is_immutable = False
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._lock = asyncio.Lock()
        self.columns = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, path: Path) -> "AsyncIterator[SQLiteDatabase]":
        """Open a file. Raises: OperatorError with what to do."""
        database = cls(path)
        try:
            await database._run(database._read_columns)
            yield database
        finally:
            await asyncio.to_thread(database._close)

    async def pages(
        self, table: str, columns: Sequence[str], *, where: str = "", max_rows: int = 500
    ) -> AsyncIterator[list[Row]]:
        """Yield the rows of a table in the order of their row numbers, which every row has whatever its id."""
        if not self.has(table):
            return
        names = self._existing(table, columns)
        condition = f" AND ({where})" if where else ""
        listed = ", ".join(["rowid", *(quoted(name) for name in names)])
        sql = f"SELECT {listed} FROM {quoted(table)} WHERE rowid > ?{condition} ORDER BY rowid"  # noqa: S608 - names of ours
        last: int | None = -(2**63)
        while last is not None:
            rows, last = await self._run(self._page, sql, last, names, max_rows)
            if rows:
                yield rows

    async def _select_keys(self, sql: str, keys: list[str]) -> list[Row]:
        def select(connection: sqlite3.Connection) -> list[Row]:
            cursor = connection.execute(sql, keys)
            names = [one[0] for one in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

        return await self._run(select)

    async def _count(self, sql: str) -> int:
        return await self._run(lambda connection: int(connection.execute(sql).fetchone()[0]))

    def _keys_condition(self, column: str, count: int) -> str:
        return f"{column} IN ({', '.join('?' * count)})"

    def _page(
        self, connection: sqlite3.Connection, sql: str, last: int, names: list[str], max_rows: int
    ) -> tuple[list[Row], int | None]:
        rows: list[Row] = []
        size = 0
        cursor = connection.execute(sql, (last,))
        try:
            for row in cursor:
                rows.append(dict(zip(names, row[1:], strict=True)))
                size += bytes_of(row)
                if len(rows) >= max_rows or size >= MAX_PAGE_BYTES:
                    return rows, row[0]
        finally:
            cursor.close()
        return rows, None

    async def _run(self, function: Callable[..., T], *arguments: object) -> T:
        async with self._lock:
            return await asyncio.to_thread(self._with_connection, function, *arguments)

    def _with_connection(self, function: Callable[..., T], *arguments: object) -> T:
        try:
            return function(self._current(), *arguments)
        except sqlite3.OperationalError as error:
            if self._copy is None and _is_unclean(error):
                return self._from_copy(function, *arguments)
            raise OperatorError(self._sentence(error)) from None
        except sqlite3.DatabaseError as error:
            raise OperatorError(self._sentence(error)) from None

    def _from_copy(self, function: Callable[..., T], *arguments: object) -> T:
        self._open_copy()
        try:
            return function(self._current(), *arguments)
        except sqlite3.DatabaseError as error:
            raise OperatorError(self._sentence(error)) from None

    def _current(self) -> sqlite3.Connection:
        if self._is_immutable and _beside(self._path, "-wal").exists():
            self._disconnect()  # the other server has started meanwhile
        if self._connection is None:
            self._open()
        assert self._connection is not None
        return self._connection

    def _open(self) -> None:
        """Open the file so that SQLite creates nothing beside it.

        In WAL mode it would, unless both other files exist, because a server has the database open. Without a WAL no server has it
        open: the file does not change. A WAL alone is that of a server that was killed, or of a copy; it is read in a copy of
        ours.
        """
        wal, shm = _beside(self._path, "-wal"), _beside(self._path, "-shm")
        if self._is_wal and not wal.exists():
            self._connect(self._path, "mode=ro&immutable=1")
            self._is_immutable = True
        elif self._is_wal and not shm.exists():
            self._open_copy()
        else:
            self._connect(self._path, "mode=ro")

    def _open_copy(self) -> None:
        """Open a copy that SQLite may complete with what a server that was killed left beside the file."""
        self._disconnect()
        self._copy = tempfile.TemporaryDirectory(prefix="portico-import-")
        copy = Path(self._copy.name) / "source.db"
        shutil.copyfile(self._path, copy)
        for suffix in ("-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(_beside(self._path, suffix), _beside(copy, suffix))
        self._connect(copy, "mode=rw")

    def _connect(self, path: Path, options: str) -> None:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?{options}",
            uri=True,
            timeout=_WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = bytes
        self._connection = connection
        self._is_immutable = "immutable" in options
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        if self._is_wal:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._is_immutable = None, False

    def _close(self) -> None:
        self._disconnect()
        if self._copy is not None:
            self._copy.cleanup()

    def _read_columns(self, connection: sqlite3.Connection) -> None:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
        names = [bytes(row[0]).decode(errors="replace") for row in tables]
        self.columns = {
            name: frozenset(
                bytes(row[0]).decode(errors="replace")
                for row in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
            )
            for name in names
        }

    def _sentence(self, error: Exception) -> str:
        if "locked" in str(error):
            return f"{self._path} was locked by another program for {_WAIT_SECONDS} seconds. Import again."
        return f"{self._path} cannot be read: {error}. Check the file, or import a copy of it."


def _is_wal(path: Path) -> bool:
    """Return whether a SQLite file is in WAL mode. Raises: OperatorError for what is no readable SQLite file."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            # Opening a pipe waits for its writer.
            raise OperatorError(f"{path} is no regular file. Name a file webui.db.")
        with path.open("rb") as file:
            header = file.read(100)
    except IsADirectoryError:
        raise OperatorError(f"{path} is a directory. Name the file webui.db in it.") from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be opened: {error.strerror}.") from None
    if not header:
        raise OperatorError(f"{path} is empty.")
    if not header.startswith(_HEADER):
        raise OperatorError(
            f"{path} is no SQLite file, or one that SQLCipher has encrypted. Decrypt it first, with `sqlcipher_export` of SQLCipher, and "
            "import the result."
        )
    return header[_WRITE_VERSION] == _WAL


def _is_unclean(error: sqlite3.OperationalError) -> bool:
    """Return whether a file needs what only a writer may do: a server was killed while it wrote."""
    return any(word in str(error) for word in ("unable to open", "readonly", "attempt to write"))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
