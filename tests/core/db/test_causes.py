"""Causes of unavailable databases are reported once, and lost writes are never acknowledged."""

import asyncio
import os
import resource
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from tests.engines import settings

from portico.db import BadDatabase, Database, cause_of, open_database
from portico.db.postgres.causes import explain, is_unavailable
from portico.db.sqlite.database import SQLite
from portico.errors import Unavailable

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "sqlcipher"])
async def file(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SQLite]:
    """A SQLite file, plain or encrypted."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    database = open_database(settings(url, sqlite_busy_timeout=0.3), tmp_path)
    assert isinstance(database, SQLite)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY, body TEXT)")
    yield database
    await database.stop()


async def refused(database: Database, body: str = "") -> str:
    """The kind and the sentence for which a write is refused."""
    with pytest.raises(Unavailable) as error:
        await database.execute("INSERT INTO note VALUES ('refused', $1)", body)
    assert error.value.detail == "Service temporarily unavailable"
    cause = cause_of(error.value)
    assert cause is not None and database.availability.cause == cause
    return f"{cause.kind}: {cause.sentence}"


async def kept(database: Database) -> list[str]:
    return [row["id"] for row in await database.rows("SELECT id FROM note")]


@contextmanager
def no_room(path: Path) -> Iterator[None]:
    """Files may not grow much beyond what this one has."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = path.with_name(f"{path.name}-wal")
    largest = max(path.stat().st_size, wal.stat().st_size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 8192, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_full_disk_is_reported_until_there_is_free_space(
    file: SQLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_room(file.path):
        assert await refused(file, "x" * 500_000) == "full: the disk is full"
        file.availability.end()
        assert file.availability.cause is not None, "small writes may fit although the disk is full"
    await file.execute("INSERT INTO note VALUES ('kept', $1)", "x" * 500_000)
    monkeypatch.setattr("portico.db.availability.FULL_SECONDS", 0)
    monkeypatch.setattr("portico.db.sqlite.causes.FREE_AGAIN_BYTES", 2**63)
    file.availability.end()
    assert file.availability.cause is not None, "what others may write is less than that"
    monkeypatch.setattr("portico.db.sqlite.causes.FREE_AGAIN_BYTES", 1)
    file.availability.end()
    assert file.availability.cause is None
    assert await kept(file) == ["kept"]


async def test_page_limit_counts_as_full_disk(file: SQLite) -> None:
    (pages,) = file.writer.connection.execute("PRAGMA page_count").fetchone()
    file.writer.connection.execute(f"PRAGMA max_page_count={pages + 2}")
    async with file.transaction():
        await file.execute("INSERT INTO note VALUES ('small', '')")
    with pytest.raises(Unavailable):
        async with file.transaction():
            await file.execute("INSERT INTO note VALUES ('large', $1)", "x" * 100_000)
    assert str(file.availability.cause).startswith("the disk is full")
    assert await kept(file) == ["small"]


async def test_process_that_holds_the_write_lock_is_named(
    file: SQLite, spawn: Callable[..., object]
) -> None:
    password = file._file._password
    child = spawn("hold", str(file.path), *([password.reveal()] if password else []))
    assert await asyncio.to_thread(child.stdout.readline) == "held\n"  # type: ignore[attr-defined]
    message = await refused(file)
    assert message == "locked: another process has held the write lock for 0.3 s"
    assert file.availability.cause is not None
    assert str(child.pid) in file.availability.cause.detail  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", ["removed", "replaced", "log removed"])
async def test_writes_to_a_missing_or_replaced_file_are_refused(file: SQLite, what: str) -> None:
    await file.execute("INSERT INTO note VALUES ('before', '')")
    path = file.path if what != "log removed" else file.path.with_name(f"{file.path.name}-wal")
    aside = path.with_name("aside")
    path.rename(aside)
    if what == "replaced":
        shutil.copy(aside, path)
    state = "replaced by another" if what == "replaced" else "missing"
    assert await refused(file) == f"missing: the database file is {state}"
    with pytest.raises(Unavailable):
        async with file.transaction():
            await file.execute("INSERT INTO note VALUES ('refused', '')")
    assert await kept(file) == ["before"]  # reads go on
    aside.replace(path)
    await file.execute("INSERT INTO note VALUES ('after', '')")
    assert sorted(await kept(file)) == ["after", "before"]


async def test_write_fails_if_the_file_is_removed_before_its_commit(
    file: SQLite,
) -> None:
    with pytest.raises(Unavailable):
        async with file.transaction():
            await file.execute("INSERT INTO note VALUES ('refused', '')")
            file.path.unlink()
    assert file.availability.cause is not None and file.availability.cause.kind == "missing"


async def test_file_is_checked_before_and_after_commit(
    file: SQLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_transaction: list[bool] = []
    check = file.check_file

    def noted() -> None:
        in_transaction.append(file.writer.connection.in_transaction)
        check()

    monkeypatch.setattr(file, "check_file", noted)
    await file.execute("INSERT INTO note VALUES ('small', '')")
    assert in_transaction == [True, False]


async def test_broken_file_stays_unavailable(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(settings(sqlite_url), tmp_path)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY, body TEXT)")
    for number in range(200):
        await database.execute("INSERT INTO note VALUES ($1, $2)", str(number), "x" * 2000)
    await database.stop()
    path = tmp_path / "portico.db"
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    await database.start()
    with pytest.raises(Unavailable):
        await database.rows("SELECT * FROM note")
    database.availability.end()
    assert str(database.availability.cause).startswith("the database file is broken")
    await database.stop()


async def test_missing_permission_is_reported_at_the_start(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises((BadDatabase, Unavailable), match="lacks the permission"):
        await open_database(settings(sqlite_url), tmp_path).start()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (asyncpg.InvalidPasswordError("x"), "does not accept the user or its password"),
        (asyncpg.InvalidCatalogNameError("x"), "has no database of this name"),
        (asyncpg.TooManyConnectionsError("x"), "too many connections"),
        (asyncpg.DiskFullError("x"), "the disk of PostgreSQL is full"),
        (asyncpg.ReadOnlySQLTransactionError("x"), "takes no writes"),
        (asyncpg.CannotConnectNowError("x"), "starting up or shutting down"),
        (asyncpg.AdminShutdownError("x"), "ended the connection"),
        (asyncpg.InternalClientError("got result for unknown protocol state"), "was lost"),
        (asyncpg.ProtocolError("x"), "was lost"),
        (asyncpg.ConnectionDoesNotExistError("x"), "was lost"),
        (asyncpg.InterfaceError("connection is closed"), "was lost"),
        (asyncpg.InterfaceError("another operation is in progress"), "was lost"),
        (ConnectionRefusedError("x"), "refuses connections"),
        (ConnectionResetError("x"), "was lost"),
        (TimeoutError(), "does not answer in time"),
        (EOFError(), "was lost"),
    ],
)
async def test_errors_of_postgres_and_the_network_have_a_cause(
    error: Exception, sentence: str
) -> None:
    assert is_unavailable(error)
    assert sentence in str(explain(error))


async def test_internal_error_of_asyncpg_is_a_lost_connection() -> None:
    code = "def write(): raise RuntimeError('unable to perform operation; the handler is closed')"
    for file, away in (("/site-packages/asyncpg/protocol.py", True), ("/portico_x/y.py", False)):
        names: dict[str, Callable[[], None]] = {}
        exec(compile(code, file, "exec"), names)
        with pytest.raises(RuntimeError) as raised:
            names["write"]()
        assert is_unavailable(raised.value) is away


async def test_transient_error_has_no_cause() -> None:
    for error in (asyncpg.DeadlockDetectedError("x"), asyncpg.OutdatedSchemaCacheError("x")):
        assert is_unavailable(error) and explain(error) is None
    for mistake in (
        asyncpg.UndefinedTableError("x"),
        asyncpg.InterfaceError("wrong use"),
        sqlite3.Error(),
    ):
        assert not is_unavailable(mistake)
