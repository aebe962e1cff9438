"""What is special about a pool of connections."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from portico.db import BadDatabase, DatabaseSettings, TransactionFailed, new_id
from portico.db.postgres.database import Postgres, PostgresTransaction
from portico.errors import InvalidRequest, Unavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool_of_two(postgres_url: str) -> AsyncIterator[Postgres]:
    settings = DatabaseSettings(
        url=postgres_url, pool_size=1, pool_max_overflow=1, pool_timeout=0.2
    )
    database = Postgres(postgres_url, settings)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY)")
    yield database
    await database.stop()


async def test_no_free_connection_is_unavailable(pool_of_two: Postgres) -> None:
    entered, leave = asyncio.Semaphore(0), asyncio.Event()

    async def hold() -> None:
        async with pool_of_two.transaction():
            entered.release()
            await leave.wait()

    holders = [asyncio.create_task(hold()) for _ in range(2)]
    for _ in holders:
        await entered.acquire()
    with pytest.raises(Unavailable):
        await pool_of_two.rows("SELECT 1")
    with pytest.raises(Unavailable):
        async with pool_of_two.transaction():
            pytest.fail("there was no connection to give")
    leave.set()
    await asyncio.gather(*holders)
    await pool_of_two.ping()


async def test_lost_connection_is_unavailable_and_replaced(pool_of_two: Postgres) -> None:
    """FT-10 flavour: the server ends a connection in the middle of a transaction."""
    with pytest.raises(Unavailable):
        async with pool_of_two.transaction():
            await pool_of_two.execute("INSERT INTO note VALUES ('lost')")
            await pool_of_two.rows("SELECT pg_terminate_backend(pg_backend_pid())")
    for _ in range(3):
        assert await pool_of_two.rows("SELECT id FROM note") == []
    async with pool_of_two.transaction():
        await pool_of_two.execute("INSERT INTO note VALUES ('kept')")
    assert await pool_of_two.rows("SELECT id FROM note") == [{"id": "kept"}]


async def test_read_only_server_is_unavailable(pool_of_two: Postgres) -> None:
    with pytest.raises(Unavailable):
        async with pool_of_two.transaction():
            await pool_of_two.execute("SET TRANSACTION READ ONLY")
            await pool_of_two.execute("INSERT INTO note VALUES ('refused')")


async def test_commit_that_was_a_rollback_raises(pool_of_two: Postgres) -> None:
    """PostgreSQL answers COMMIT with a mere ROLLBACK if a statement failed behind our back."""
    with pytest.raises(TransactionFailed):
        async with pool_of_two.transaction():
            await pool_of_two.execute("INSERT INTO note VALUES ('lost')")
            inside = pool_of_two.current_transaction()
            assert isinstance(inside, PostgresTransaction)
            with pytest.raises(asyncpg.UndefinedTableError):
                await inside.connection.execute("SELECT * FROM missing")
    assert await pool_of_two.rows("SELECT id FROM note") == []


async def test_wrong_statement_raises_the_error_of_the_driver(pool_of_two: Postgres) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await pool_of_two.rows("SELECT * FROM missing")
    with pytest.raises(asyncpg.InterfaceError):
        await pool_of_two.rows("SELECT $1::text")


async def test_unreachable_server_is_unavailable() -> None:
    url = "postgresql://me:secret@/db?host=/nonexistent"
    with pytest.raises(Unavailable) as refused:
        await Postgres(url, DatabaseSettings(url=url)).start()
    assert "secret" not in str(refused.value)


async def test_stopped_database_is_unavailable(pool_of_two: Postgres) -> None:
    await pool_of_two.stop()
    await pool_of_two.stop()
    with pytest.raises(Unavailable):
        await pool_of_two.rows("SELECT 1")


async def test_text_that_cannot_be_stored_is_an_invalid_request(pool_of_two: Postgres) -> None:
    with pytest.raises(InvalidRequest, match="cannot be stored"):
        await pool_of_two.rows("SELECT id FROM note WHERE id = $1", "a\x00b")
    assert await pool_of_two.rows("SELECT id FROM note") == []


async def test_configured_schema_is_created_and_used(postgres_url: str) -> None:
    settings = DatabaseSettings(url=postgres_url, schema='Of "ours"')
    for words in ("first", "second"):
        database = Postgres(postgres_url, settings)
        await database.start()
        async with database.migrating():
            await database.execute("CREATE TABLE IF NOT EXISTS note (id TEXT)")
            await database.execute("INSERT INTO note VALUES ($1)", words)
        await database.stop()
    usual = Postgres(postgres_url, DatabaseSettings(url=postgres_url))
    await usual.start()
    assert await usual.rows("SELECT to_regclass('note') AS found") == [{"found": None}]
    assert len(await usual.rows('SELECT id FROM "Of ""ours""".note')) == 2
    await usual.stop()


async def test_schema_that_may_not_be_created_is_reported(postgres_url: str) -> None:
    database = Postgres(postgres_url, DatabaseSettings(url=postgres_url))
    await database.start()
    role = f"guest_{new_id().replace('-', '')}"
    await database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    address = urlsplit(postgres_url)
    place = (address.netloc or "").rpartition("@")[2]
    url = urlunsplit(address._replace(netloc=f"{role}:x@{place}"))
    try:
        with pytest.raises(BadDatabase, match="The schema 'ours'"):
            await Postgres(url, DatabaseSettings(url=url, schema="ours")).start()
    finally:
        await database.execute(f"DROP ROLE {role}")
        await database.stop()
