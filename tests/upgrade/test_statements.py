"""What earlier landings send is still right on the present schema, so that they may serve beside this one."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.upgrade.recording import add, normalised

from portico.boot import Application
from portico.db import Database, DatabaseSettings, new_id, open_database
from portico.settings.load import load_settings

pytestmark = pytest.mark.anyio
LANDINGS = sorted(
    {file.name.split(".")[0] for file in (Path(__file__).parent / "statements").glob("*.sql")}
)
_INSERT = re.compile(r"\bINSERT INTO (?P<table>\w+) \((?P<columns>[\w, \"]+)\)", re.IGNORECASE)
_NEEDED = {
    "sqlite": (
        "SELECT name FROM pragma_table_info('{table}') "
        "WHERE \"notnull\" = 1 AND dflt_value IS NULL AND NOT (pk = 1 AND type = 'INTEGER')"
    ),
    "postgres": (
        "SELECT column_name AS name FROM information_schema.columns WHERE table_name = '{table}' "
        "AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' "
        "AND is_generated = 'NEVER'"
    ),
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(env, templates, database_url: str) -> AsyncIterator[Database]:
    """Up to date, with the tables of the core and of every plugin."""
    loaded = load_settings(environ=env)
    data_dir = Path(loaded.settings.data_dir)
    templates.create(database_url, data_dir, Application(loaded).table_sets)
    database = open_database(DatabaseSettings(url=database_url), data_dir)
    await database.start()
    yield database
    await database.stop()


async def complaint(database: Database, sql: str) -> str:
    """Why a statement cannot be right on this schema; empty if it can. Nothing is run."""
    try:
        if database.dialect == "sqlite":
            values = [None] * max(map(int, re.findall(r"\$(\d+)", sql)), default=0)
            # To explain is not to look whether the schema has changed; to read what is not cached is.
            await database.rows(f"SELECT '{new_id()}' FROM sqlite_master LIMIT 1")
            await database.rows(f"EXPLAIN QUERY PLAN {sql} -- {new_id()}", *values)
        else:
            async with database.pool.acquire() as connection:  # type: ignore[attr-defined]
                await connection.prepare(sql)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    for insert in _INSERT.finditer(sql):
        given = {column.strip(' "') for column in insert["columns"].split(",")}
        needed = await database.rows(_NEEDED[database.dialect].format(table=insert["table"]))
        if missing := {row["name"] for row in needed} - given:
            return f"{insert['table']} needs {sorted(missing)} now"
    return ""


@pytest.mark.parametrize("landing", LANDINGS)
async def test_earlier_statements_work_on_the_present_schema(
    database: Database, landing: str
) -> None:
    file = Path(__file__).parent / "statements" / f"{landing}.{database.dialect}.sql"
    statements = file.read_text().splitlines()
    assert len(statements) > 50
    complaints = {sql: why for sql in statements if (why := await complaint(database, sql))}
    assert complaints == {}


async def test_schema_change_that_breaks_earlier_statements_is_found(
    database: Database,
) -> None:
    insert = "INSERT INTO portico_encryption_key (id, fingerprint) VALUES (1, $1)"
    update = "UPDATE portico_encryption_key SET fingerprint = $1 WHERE id = 1"
    assert [await complaint(database, insert), await complaint(database, update)] == ["", ""]
    await database.execute(
        "ALTER TABLE portico_encryption_key ADD COLUMN kind TEXT NOT NULL DEFAULT ''"
    )
    assert await complaint(database, insert) == ""
    await database.execute("DROP TABLE portico_encryption_key")
    await database.execute(
        "CREATE TABLE portico_encryption_key (id INT NOT NULL, fingerprint TEXT NOT NULL, kind TEXT NOT NULL)"
    )
    assert "needs ['kind']" in await complaint(database, insert)
    await database.execute("ALTER TABLE portico_encryption_key RENAME COLUMN fingerprint TO print")
    assert await complaint(database, update)


def test_statements_that_differ_in_number_of_values_are_recorded_once() -> None:
    found: dict[str, str] = {}
    for sql in (
        "SELECT id\n  FROM note -- all of them\n WHERE id IN ($1, $2, $3)",
        "SELECT id FROM note WHERE id IN ($1, $2)",
        "INSERT INTO note (id, body) VALUES ($1, $2), ($3, $4)",
        "INSERT INTO note (id, body) VALUES ($1, $2)",
        "CREATE TABLE note (id TEXT)",
    ):
        add(found, sql)
    assert sorted(found.values()) == [
        "INSERT INTO note (id, body) VALUES ($1, $2)",
        "SELECT id FROM note WHERE id IN ($1, $2)",
    ]
    assert normalised("SELECT 1 ;\n") == "SELECT 1"
