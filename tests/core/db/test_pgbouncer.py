"""PgBouncer in transaction mode, with five connections to the database, between us and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from tests.debian_programs import Installed
from tests.pgbouncer import POOL_SIZE, running_pgbouncer, through

from portico.db import BadDatabase, DatabaseSettings, UniqueViolation
from portico.db.postgres.database import Postgres
from portico.db.postgres.pooler import PooledConnection
from portico.errors import Unavailable

pytestmark = pytest.mark.anyio

Open = Callable[..., Any]


@pytest.fixture
async def open_postgres() -> AsyncIterator[Open]:
    """Starts a database of this URL and these settings."""
    async with AsyncExitStack() as opened:

        async def start(url: str, **settings: Any) -> Postgres:
            database = Postgres(url, DatabaseSettings(url=url, **settings))
            await database.start()
            opened.push_async_callback(database.stop)
            return database

        yield start


@pytest.fixture
def pooled_url(pgbouncer: int, postgres_url: str) -> str:
    return through(pgbouncer, postgres_url)


@pytest.fixture
def lenient(pgbouncer_program: Installed, postgres: str) -> Iterator[int]:
    """A PgBouncer that accepts a search path and ignores it."""
    more = "ignore_startup_parameters = search_path, statement_timeout"
    with running_pgbouncer(pgbouncer_program, postgres, more) as port:
        yield port


async def is_pooled(database: Postgres) -> bool:
    async with database.pool.acquire() as connection:
        return type(connection._con) is PooledConnection


async def test_pooler_is_found_out(open_postgres: Open, postgres_url: str, pooled_url: str) -> None:
    assert await is_pooled(await open_postgres(pooled_url))
    assert not await is_pooled(await open_postgres(postgres_url))
    assert await is_pooled(await open_postgres(postgres_url, pooler="transaction"))
    assert not await is_pooled(await open_postgres(pooled_url, pooler="none"))


async def test_statements_under_load_return_their_own_rows(
    open_postgres: Open, pooled_url: str
) -> None:
    """More tasks than connections, of two processes: each statement meets all connections to the server."""
    first, second = await open_postgres(pooled_url), await open_postgres(pooled_url)
    await first.execute("CREATE TABLE note (id TEXT PRIMARY KEY, number BIGINT NOT NULL)")

    async def use(database: Postgres, task: int) -> None:
        for number in range(40):
            shape = (task + number) % 7
            sql = f"SELECT CAST($1 AS BIGINT) + {shape} AS sum, CAST($2 AS TEXT) AS t{shape}"
            expected = {"sum": number + shape, f"t{shape}": str(task)}
            assert await database.rows(sql, number, str(task)) == [expected]
            async with database.transaction():
                insert = "INSERT INTO note VALUES ($1, $2) RETURNING number"
                name = f"{task} {number}"
                assert await database.rows(insert, name, number) == [{"number": number}]
                update = "UPDATE note SET number = number + 1 WHERE id = $1"
                assert await database.execute(update, name) == 1
            with pytest.raises(UniqueViolation):
                await database.execute("INSERT INTO note VALUES ($1, 0)", name)

    await asyncio.gather(*(use((first, second)[task % 2], task) for task in range(12)))
    assert await first.rows("SELECT count(*) AS n, sum(number)::BIGINT AS sum FROM note") == [
        {"n": 480, "sum": 12 * sum(range(1, 41))}
    ]


async def test_wrong_values_keep_no_connection_to_the_server(
    open_postgres: Open, pooled_url: str
) -> None:
    """asyncpg asks for the types of a statement before it refuses its values."""
    database = await open_postgres(pooled_url, pool_size=2 * POOL_SIZE, statement_timeout=5.0)
    taken = [await database.pool.acquire() for _ in range(2 * POOL_SIZE)]
    for connection in taken:
        with pytest.raises(asyncpg.DataError):
            await connection.fetch("SELECT CAST($1 AS BIGINT)", "no number")
    async with asyncio.timeout(10):
        assert await taken[-1].fetchval("SELECT CAST($1 AS BIGINT)", 7) == 7
    for connection in taken:
        await database.pool.release(connection)


async def test_statements_that_were_given_up_keep_no_connection_to_the_server(
    open_postgres: Open, pooled_url: str
) -> None:
    database = await open_postgres(pooled_url, pool_size=2 * POOL_SIZE, statement_timeout=0.3)

    async def give_up() -> None:
        with pytest.raises(Unavailable):
            await database.rows("SELECT pg_sleep($1)", 60.0)

    async def be_cancelled() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), database.transaction():
                await database.rows("SELECT pg_sleep($1)", 60.0)

    await asyncio.gather(*(work() for work in (give_up, be_cancelled) for _ in range(POOL_SIZE)))
    patient, all_open = await open_postgres(pooled_url), asyncio.Barrier(POOL_SIZE)

    async def hold() -> None:
        async with patient.transaction():
            await patient.rows("SELECT 1")
            await all_open.wait()

    async with asyncio.timeout(20):
        await asyncio.gather(*(hold() for _ in range(POOL_SIZE)))


async def test_pooler_that_restarts_is_unavailable_and_found_again(
    open_postgres: Open, pgbouncer_program: Installed, postgres: str, postgres_url: str
) -> None:
    with running_pgbouncer(pgbouncer_program, postgres) as port:
        database = await open_postgres(through(port, postgres_url), pool_timeout=5.0)
        assert await database.rows("SELECT CAST($1 AS TEXT)", "a") == [{"text": "a"}]
    with pytest.raises(Unavailable):
        await database.rows("SELECT CAST($1 AS TEXT)", "b")
    with running_pgbouncer(pgbouncer_program, postgres, port=port):
        assert await database.rows("SELECT CAST($1 AS TEXT)", "c") == [{"text": "c"}]
        assert await is_pooled(database)


async def test_statement_is_described_once(open_postgres: Open, pooled_url: str) -> None:
    """What comes after that is one message, as without a pooler."""
    database = await open_postgres(pooled_url, pool_size=1)
    async with database.pool.acquire() as connection:
        statement = await connection._con._get_statement("SELECT CAST($1 AS TEXT)", None)
    assert await database.rows("SELECT CAST($1 AS TEXT)", "a") == [{"text": "a"}]
    async with database.pool.acquire() as connection:
        again = await connection._con._get_statement("SELECT CAST($1 AS TEXT)", None)
    assert again is statement
    assert not again.prepared


async def test_migration_lock_is_held_by_one(open_postgres: Open, pooled_url: str) -> None:
    """Who waits for it keeps no connection from the one who has it."""
    databases = [await open_postgres(pooled_url) for _ in range(10)]
    await databases[0].execute("CREATE TABLE step (id TEXT PRIMARY KEY)")
    inside = 0

    async def migrate(database: Postgres, number: int) -> None:
        nonlocal inside
        async with database.migrating():
            inside += 1
            async with database.transaction():
                await database.execute("INSERT INTO step VALUES ($1)", str(number))
            assert inside == 1
            inside -= 1

    async with asyncio.timeout(40):
        await asyncio.gather(
            *(migrate(database, number) for number, database in enumerate(databases))
        )
    assert await databases[0].rows("SELECT count(*) AS n FROM step") == [{"n": 10}]


async def test_lock_of_a_direct_url_excludes_those_without(
    open_postgres: Open, pooled_url: str, postgres_url: str
) -> None:
    direct = await open_postgres(pooled_url, direct_url=postgres_url)
    pooled, plain = await open_postgres(pooled_url), await open_postgres(postgres_url)
    for holder, waiter in [(direct, pooled), (pooled, direct), (plain, pooled), (pooled, plain)]:
        async with holder.migrating():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5), waiter.migrating():
                    pytest.fail("two hold the lock")
        async with waiter.migrating():
            pass


async def test_direct_url_of_another_database_is_refused(
    open_postgres: Open, pooled_url: str, postgres: str
) -> None:
    database = await open_postgres(pooled_url, direct_url=postgres)
    with pytest.raises(BadDatabase, match="DATABASE_DIRECT_URL does not name the database"):
        async with database.migrating():
            pytest.fail("the lock excludes no other process")


async def test_refused_parameter_is_named(open_postgres: Open, pooled_url: str) -> None:
    with pytest.raises(BadDatabase, match=r"DATABASE_URL .*statement_timeout.*ignore_startup"):
        await open_postgres(f"{pooled_url}?statement_timeout=5000")


@pytest.mark.parametrize("port", ["pgbouncer", "lenient"])
async def test_schema_is_used_where_the_pooler_accepts_no_search_path(
    open_postgres: Open, postgres_url: str, request: pytest.FixtureRequest, port: str
) -> None:
    url = through(request.getfixturevalue(port), postgres_url)
    database = await open_postgres(url, schema='my "own"')
    async with database.migrating():
        await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY)")

    async def write(number: int) -> None:
        await database.execute("INSERT INTO note VALUES ($1)", str(number))
        async with database.transaction():
            assert len(await database.rows("SELECT id FROM note WHERE id = $1", str(number))) == 1

    await asyncio.gather(*(write(number) for number in range(20)))
    direct = await open_postgres(postgres_url)
    assert await direct.rows('SELECT count(*) AS n FROM "my ""own""".note') == [{"n": 20}]
    with pytest.raises(asyncpg.UndefinedTableError):
        await direct.rows("SELECT id FROM note")


async def test_schema_of_the_role_costs_no_transactions(
    open_postgres: Open, pooled_url: str, postgres_url: str
) -> None:
    direct = await open_postgres(postgres_url)
    ((name,),) = [row.values() for row in await direct.rows("SELECT current_database()")]
    await direct.execute("CREATE SCHEMA theirs")
    await direct.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {name} SET search_path TO theirs")
    database = await open_postgres(pooled_url, schema="theirs")
    await database.execute("CREATE TABLE note (id TEXT)")
    assert await direct.rows("SELECT id FROM theirs.note") == []
    assert not database._connector.needs_transactions
