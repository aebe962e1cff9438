"""Migrations create what the tables declare, and a database of the previous schema keeps its rows."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from portico.boot import Application, CannotStart
from portico.db import Database, TableSet, current_database, execute, fetch_all, now
from portico.db.migrate import MIGRATION_TABLE
from portico.db.migration_files import read_migrations
from portico.settings.load import load_settings
from portico.testing import PASSWORD, InProcessApp

COLUMNS = {
    "sqlite": "SELECT name, \"notnull\" AS needed FROM pragma_table_info('{table}')",
    "postgres": (
        "SELECT column_name AS name, CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS needed "
        "FROM information_schema.columns WHERE table_name = '{table}'"
    ),
}


@pytest.mark.both_databases
def test_migrated_tables_match_their_declaration(app: InProcessApp) -> None:
    declared = {
        table._meta.tablename: {
            c._meta.db_column_name: not c._meta.null for c in table._meta.columns
        }
        for tables in app.portico.table_sets.values()
        for table in tables.tables
    }

    async def found(table: str) -> dict[str, bool]:
        columns = await fetch_all(COLUMNS[current_database().dialect].format(table=table))
        return {column["name"]: bool(column["needed"]) for column in columns}

    made = {table: app.run(found, table) for table in declared}
    assert made == declared


async def all_but_the_newest(database: Database, sets: Mapping[str, TableSet]) -> dict[str, str]:
    """Make the schema as it was one step ago. Returns the step that each owner still lacks."""
    lacking = {}
    await database.start()
    with database.use():
        await database.execute(MIGRATION_TABLE)
        for owner, tables in sets.items():
            *older, newest = read_migrations(tables.migrations, database.dialect)
            for step in older:
                async with database.transaction():
                    await step.run(database)
                    await execute(
                        "INSERT INTO portico_migration VALUES ($1, $2, $3)", owner, step.name, now()
                    )
            lacking[owner] = newest.name
    return lacking


async def add_account() -> None:
    """Rows that the previous release would have written."""
    await execute(
        "INSERT INTO portico_account (id, email, role, name, profile_image_url, folded, epoch, last_active_at, "
        "updated_at, created_at) VALUES ('ada-id', 'ada@example.org', 'admin', 'Ada', '/user.png', "
        "'ada ada@example.org', 0, 1, 1, 1)"
    )
    await execute("UPDATE portico_founder SET account_id = 'ada-id'")
    import bcrypt

    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await execute("INSERT INTO portico_password VALUES ('ada-id', $1, 1)", hashed)


def before(environment: dict[str, str]) -> dict[str, str]:
    portico = Application(load_settings(environ=environment))

    async def work() -> dict[str, str]:
        lacking = await all_but_the_newest(portico.database, portico.table_sets)
        with portico.database.use():
            await add_account()
        await portico.database.stop()
        return lacking

    return asyncio.run(work())


@pytest.mark.both_databases
def test_database_of_the_previous_schema_is_migrated_with_its_rows(
    env: dict[str, str],
) -> None:
    lacking = before(env)
    app = InProcessApp(env)
    try:
        ada = app.client.sign_in("Ada")
        assert ada.account["role"] == "admin"
        assert ada.get("/api/v1/users/?query=ADA%40").json["total"] == 1
        assert ada.post("/api/v1/chats/new", {"chat": {"title": "kept"}}).status == 200

        async def booked() -> list[dict[str, Any]]:
            return await fetch_all("SELECT plugin, name FROM portico_migration")

        done = {(row["plugin"], row["name"]) for row in app.run(booked)}
        assert done >= set(lacking.items())
    finally:
        app.close()


@pytest.mark.both_databases
def test_server_without_migrate_on_start_refuses_an_old_schema(env: dict[str, str]) -> None:
    lacking = before(env)
    with pytest.raises(CannotStart, match="run `portico migrate`") as refused:
        InProcessApp(env | {"PORTICO_DATABASE_MIGRATE_ON_START": "false"})
    assert all(step in str(refused.value) for step in lacking.values())
