"""The databases that tests get are as empty as new ones."""

from collections.abc import Iterator

import asyncpg
import pytest
from tests.recycled_databases import RecycledDatabases
from tests.servers import apart, fresh_database, new_url

SCHEMA = """
CREATE TABLE kind (name text PRIMARY KEY);
CREATE TABLE thing (number int GENERATED ALWAYS AS IDENTITY, kind text REFERENCES kind);
INSERT INTO kind VALUES ('it''s "first"'), ('second');
"""


def run(url: str, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    apart(work())


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []

    async def work() -> None:
        connection = await asyncpg.connect(url)
        found.extend(tuple(row) for row in await connection.fetch(query))
        await connection.close()

    apart(work())
    return found


@pytest.fixture
def template(postgres: str) -> Iterator[str]:
    with fresh_database(postgres) as url:
        run(url, SCHEMA)
        yield url


@pytest.fixture
def databases(postgres: str) -> Iterator[RecycledDatabases]:
    made = RecycledDatabases(postgres)
    yield made
    made.close()


def used(template: str, databases: RecycledDatabases, *statements: str) -> list[str]:
    """Create three databases one after the other, each after the one before was used; return their ids."""
    ids = []
    for _ in range(3):
        url = databases.next_url("test")
        databases.create(url, template)
        ids += [
            str(row[0])
            for row in rows(url, "SELECT oid FROM pg_database WHERE datname = current_database()")
        ]
        assert rows(url, "SELECT * FROM thing") == []
        assert sorted(rows(url, "SELECT * FROM kind")) == [('it\'s "first"',), ("second",)]
        run(url, *statements)
        databases.release(url)
    return ids


def test_a_used_database_has_the_rows_of_its_template(
    postgres: str, template: str, databases: RecycledDatabases
) -> None:
    first, _, third = used(
        template, databases,
        "INSERT INTO thing (kind) VALUES ('second')",
        "DELETE FROM kind WHERE name <> 'second'",
        "INSERT INTO kind VALUES ('third')",
    )  # fmt: skip
    assert third == first
    url = databases.next_url("test")
    databases.create(url, template)
    run(url, "INSERT INTO thing (kind) VALUES (NULL)")
    assert rows(url, "SELECT number FROM thing") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE thing ADD COLUMN more text",
        "CREATE INDEX ON thing (kind)",
        "DROP TABLE thing CASCADE; CREATE TABLE thing (number int, kind text)",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA another",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''1MB''', current_database()); END $$",
        "INSERT INTO thing (kind) VALUES ('second'); ANALYZE thing",
        "INSERT INTO thing (kind) SELECT 'second' FROM generate_series(1, 100000)",
    ],
)
def test_a_changed_database_is_not_used_again(
    postgres: str, template: str, databases: RecycledDatabases, statement: str
) -> None:
    assert len(set(used(template, databases, statement))) == 3


def test_an_open_transaction_is_ended(
    postgres: str, template: str, databases: RecycledDatabases
) -> None:
    url = new_url(postgres)
    databases.create(url, template)

    async def work() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(
            "BEGIN; INSERT INTO thing (kind) VALUES ('second'); LOCK TABLE kind"
        )
        databases.release(url)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await connection.execute("COMMIT")
        connection.terminate()

    apart(work())
    assert len(set(used(template, databases))) == 1


def test_a_test_gets_the_schema_it_asks_for(
    postgres: str, template: str, databases: RecycledDatabases
) -> None:
    used(template, databases)
    with fresh_database(postgres) as other:
        run(other, "CREATE TABLE other (name text)")
        for wanted, table in ((other, "other"), (template, "thing"), (other, "other")):
            url = databases.next_url("test")  # expects what was asked for last
            databases.create(url, wanted)
            assert rows(url, f"SELECT * FROM {table}") == []
            databases.release(url)


def test_simultaneous_tests_have_different_databases(
    template: str, databases: RecycledDatabases
) -> None:
    used(template, databases)
    urls = [databases.next_url("test") for _ in range(2)]
    assert len(set(urls)) == 2
    for url in urls:
        databases.create(url, template)
    run(urls[0], "INSERT INTO thing (kind) VALUES ('second')")
    assert rows(urls[1], "SELECT * FROM thing") == []
