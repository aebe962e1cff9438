"""Databases of every state that landed open, migrate and are served, with nothing lost."""

import asyncio
import json
from typing import Any

import pytest
from tests.repository.test_schema import COLUMNS as COLUMN_QUERIES
from tests.upgrade.landed import core_rows, plugin_rows
from tests.upgrade.landed.row import COLUMNS, DERIVED, TABLES, Changed, Row
from tests.upgrade.landed.states import STATES, State, build

from portico.boot import Application
from portico.db import Database, fetch_all, migrate
from portico.db.migration_files import read_migrations
from portico.settings.load import load_settings
from portico.testing import Client, InProcessApp

#: What has no row of its own: records of migrations, and the search index of SQLite.
WITHOUT_ROWS = ("portico_migration", "chats_gram", "sqlite_")
TABLE_QUERIES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgres": "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
}


async def columns_of(database: Database, table: str) -> set[str]:
    """Return the columns of a table; none if it does not exist."""
    found = await database.rows(COLUMN_QUERIES[database.dialect].format(table=table))
    return {row["name"] for row in found}


def value_at(value: Any, state: State) -> Any:
    """Return a value as it is in a state."""
    if isinstance(value, Changed):
        return value.old if state.steps.get(value.owner, 0) < value.step else value.new
    return value


def exists(row: Row, state: State) -> bool:
    owner, step = row.since
    return not owner or state.steps.get(owner, 0) >= step


def placeholders(names: list[str], between: str, start: int = 1) -> str:
    return between.join(f"{name} = ${number}" for number, name in enumerate(names, start))


async def insert(database: Database, row: Row, state: State) -> dict[str, Any]:
    """Insert a row, as far as the state has its table and columns. Returns what must be there after the migration."""
    table, renamed = row.table, COLUMNS.get(row.table, {})
    present = await columns_of(database, table)
    if not present:
        table = TABLES.get(table, table)
        present = await columns_of(database, table)
    if not present or not exists(row, state):
        return {}
    given: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for column, value in row.values.items():
        new_column = renamed.get(column, column)
        name = column if column in present else new_column
        if name in present:
            given[name] = value_at(value, state)
        if name in present or column in DERIVED:
            expected[new_column] = value.new if isinstance(value, Changed) else value
    names = list(given)
    if row.is_update:
        sql = f"UPDATE {table} SET {placeholders(names[1:], ', ', 2)} WHERE {names[0]} = $1"
    else:
        numbers = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({numbers})"
    assert await database.execute(sql, *given.values()) == 1
    return expected


async def check_row(database: Database, row: Row, expected: dict[str, Any]) -> None:
    """Check that a row is found under its present names."""
    table = TABLES.get(row.table, row.table)
    names = list(expected)
    keys = names[: row.key]
    found = await database.rows(
        f"SELECT {', '.join(names)} FROM {table} WHERE {placeholders(keys, ' AND ')}",
        *(expected[name] for name in keys),
    )
    assert found == [expected], table


async def migrated(portico: Application, state: State) -> None:
    """Build a database of the state with its rows, migrate it, and check what is in it."""
    database, sets = portico.database, portico.table_sets
    await build(database, sets, state)
    expected = [
        (row, await insert(database, row, state))
        for row in [*core_rows.CORE_ROWS, *plugin_rows.PLUGIN_ROWS]
    ]
    tables = {row["name"] for row in await database.rows(TABLE_QUERIES[database.dialect])}
    filled = {row.table for row, values in expected if values}
    filled |= {TABLES.get(table, table) for table in filled}
    assert {table for table in tables - filled if not table.startswith(WITHOUT_ROWS)} == set()

    report = await migrate(database, sets)
    assert (report.failed, report.unknown) == ({}, {})
    for row, values in expected:
        if values:
            await check_row(database, row, values)
    await database.check_foreign_keys()
    recorded = await database.rows("SELECT plugin, name FROM portico_migration")
    assert sorted((row["plugin"], row["name"]) for row in recorded) == sorted(
        (owner, step.name)
        for owner, tables_of in sets.items()
        for step in read_migrations(tables_of.migrations, database.dialect)
    )


async def decrypted(app: InProcessApp) -> set[str]:
    """Return all texts that are stored encrypted."""
    texts = set()
    for column in app.portico.encrypted_columns:
        for row in await fetch_all(
            f"SELECT {column.key} AS id, {column.column} AS text FROM {column.table} WHERE {column.column} <> ''"
        ):
            texts.add(app.portico.encryptor.decrypt(row["text"], column.context_for(row["id"])))
    return texts


def check_served(app: InProcessApp, state: State) -> None:
    """Check that the session, the chat and the model of the state are served."""
    ada = Client(app.client.transport, core_rows.TOKEN)
    assert ada.get("/api/v1/auths/").json["id"] == "ada"
    assert app.client.sign_in("Ada").account["role"] == "admin"
    assert ada.get("/api/v1/chats/c1").json["chat"] == json.loads(plugin_rows.DOCUMENT)
    models = ada.get("/api/v1/models/list").json["items"]
    assert [model["id"] for model in models] == ["preset"]
    assert ada.get("/api/v1/users/?query=bob%C3%A9").json["total"] == 1
    if "api_keys" not in state.steps:
        return
    assert ada.get("/api/v1/auths/api_key").json["api_key"] == plugin_rows.API_KEY
    assert Client(app.client.transport, plugin_rows.API_KEY).get("/api/v1/audit").status == 200
    assert [one["id"] for one in ada.get("/api/v1/folders/").json] == ["f1"]
    assert {one["id"] for one in ada.get("/api/v1/chats/all/tags").json} == {"caf\u00e9"}
    assert app.run(decrypted, app) == {plugin_rows.API_KEY, '{"access_token":"at"}', "idt", "pw"}


@pytest.mark.parametrize("name", STATES)
def test_database_of_a_landed_state_is_migrated_and_served_with_all_rows(
    env: dict[str, str], name: str
) -> None:
    state = State(STATES[name])
    portico = Application(load_settings(environ=env))

    async def work() -> None:
        await portico.database.start()
        try:
            with portico.database.use():
                await migrated(portico, state)
        finally:
            await portico.database.stop()

    asyncio.run(work())
    app = InProcessApp(env | {"JWT_EXPIRES_IN": "-1"})  # the token has no expiry
    try:
        check_served(app, state)
    finally:
        app.close()
