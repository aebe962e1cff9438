"""`portico upgrade check`: every landed state can be upgraded, and the database stays as it is."""

import asyncio
import json
from typing import Any

import pytest
from tests.upgrade.landed import core_rows, plugin_rows
from tests.upgrade.landed.states import STATES, State, build
from tests.upgrade.test_landed_states import insert

from portico.boot import Application
from portico.db import Database
from portico.settings.load import load_settings
from portico.testing import CommandLine

ALL_TABLES = {
    "sqlite": "SELECT name, sql FROM sqlite_master ORDER BY name, sql",
    "postgres": (
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3"
    ),
}


def using(env: dict[str, str], work: Any) -> Any:
    """Return what `work(application, database)` returns."""

    async def run() -> Any:
        application = Application(load_settings(environ=env))
        await application.database.start()
        try:
            with application.database.use():
                return await work(application, application.database)
        finally:
            await application.database.stop()

    return asyncio.run(run())


async def contents(_: Application, database: Database) -> list[Any]:
    steps = await database.rows("SELECT plugin, name FROM portico_migration ORDER BY 1, 2")
    return [await database.rows(ALL_TABLES[database.dialect]), steps]


def in_state(env: dict[str, str], name: str) -> None:
    state = State(STATES[name])

    async def make(application: Application, database: Database) -> None:
        await build(database, application.table_sets, state)
        for row in [*core_rows.CORE_ROWS, *plugin_rows.PLUGIN_ROWS]:
            await insert(database, row, state)

    using(env, make)


@pytest.mark.parametrize("name", STATES)
def test_landed_state_can_be_upgraded_and_is_not_changed(
    env: dict[str, str], cli: CommandLine, name: str
) -> None:
    in_state(env, name)
    before = using(env, contents)
    tried = json.loads(cli("upgrade", "check", "--json").stdout)
    assert using(env, contents) == before
    assert tried["works"] and tried["faults"] == tried["notes"] == []
    assert {"audit", "chats", "models"} <= {step["owner"] for step in tried["steps"]}
    assert "table portico_audit_seal is added" in tried["changes"]
    assert tried["rows"] > 10
    if name != "first":
        assert any("Stop all instances" in one for one in tried["compatibility"])
        assert any("portico_audit.what" in one for one in tried["compatibility"])

    cli("migrate")
    said = cli("upgrade", "check").stdout
    assert said == "The schema is up to date: an upgrade to this release changes nothing.\n"


def test_last_step_alone_may_be_applied_beside_the_former_release(
    env: dict[str, str], cli: CommandLine
) -> None:
    cli("migrate")

    async def one_less(_: Application, database: Database) -> None:
        await database.execute("DROP INDEX portico_audit_segment")
        for column in ("segment", "salt", "dropped", "signature"):
            await database.execute(f"ALTER TABLE portico_audit DROP COLUMN {column}")
        for table in ("portico_audit_seal", "portico_audit_chain"):
            await database.execute(f"DROP TABLE {table}")
        await database.execute("DELETE FROM portico_migration WHERE name = '0003_chain'")

    using(env, one_less)
    said = cli("upgrade", "check").stdout
    assert "migration  audit  0003_chain" in said
    assert "table portico_audit: columns dropped, salt, segment, signature added" in said
    assert "may continue to run beside this one" in said
    assert "The upgrade works: 1 migration in" in said


def test_migration_that_fails_and_a_newer_schema_are_named(
    env: dict[str, str], cli: CommandLine
) -> None:
    in_state(env, "before-plain-words")

    async def damage(_: Application, database: Database) -> None:
        await database.execute("ALTER TABLE portico_audit RENAME COLUMN what TO other")

    using(env, damage)
    before = using(env, contents)
    said = cli("upgrade", "check", code=1)
    assert "FAULT: the migration of 'audit' fails" in said.stderr
    assert said.stdout.endswith("The upgrade does not work. Nothing was changed.\n")
    assert using(env, contents) == before

    async def newer(_: Application, database: Database) -> None:
        await database.execute("INSERT INTO portico_migration VALUES ('audit', '0099_later', 1)")

    using(env, newer)
    assert "audit 0099_later" in cli("upgrade", "check", code=1).stderr
