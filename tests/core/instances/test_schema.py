"""A schema of a newer release is left alone, and steps wait for the instances that they would harm."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from tests.commands import Command

from portico.boot import CannotStart
from portico.db import Database, DatabaseSettings, TableSet, execute, fetch_all, open_database
from portico.instances import (
    TABLES,
    OwnInstance,
    SchemaRefused,
    bring_up_to_date,
    live_instances,
    release_of,
)
from portico.instances.processes import process_name
from portico.testing import InProcessApp

Package = Callable[[Mapping[str, str]], TableSet]
FUTURE = "INSERT INTO portico_migration VALUES ('identity', '0099_future', 1)"
FIRST = {"0001_initial.sql": "CREATE TABLE note (id TEXT);"}
EXPAND = {"0002_title.sql": "-- safe-beside: previous\nALTER TABLE note ADD COLUMN title TEXT;"}
CONTRACT = {"0003_no_id.sql": "-- safe-beside: previous\nALTER TABLE note DROP COLUMN id;"}
UNDECLARED = {"0002_renamed.sql": "ALTER TABLE note RENAME TO notes;"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Makes the steps of a plugin."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = 0

    def package(files: Mapping[str, str]) -> TableSet:
        nonlocal made
        made += 1
        name = f"steps_{tmp_path.name}_{made}"
        (tmp_path / name).mkdir()
        for file, text in {"__init__.py": "", **files}.items():
            (tmp_path / name / file).write_text(text)
        return TableSet((), name)

    return package


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(DatabaseSettings(url=database_url, pool_size=4), tmp_path)
    await database.start()
    with database.use():
        yield database
    await database.stop()


async def run_older(database: Database, package: Package) -> OwnInstance:
    """An instance that knows the first step of the notes, and no other."""
    instance = OwnInstance()
    sets = {"instances": TABLES, "notes": package(FIRST)}
    await bring_up_to_date(database, sets, instance=instance)
    return instance


async def booked() -> set[str]:
    found = await fetch_all("SELECT name FROM portico_migration WHERE plugin = 'notes'")
    return {row["name"] for row in found}


@pytest.mark.anyio
async def test_steps_without_declaration_wait_for_older_instances(
    database: Database, package: Package
) -> None:
    older = await run_older(database, package)
    newer = {"instances": TABLES, "notes": package(FIRST | UNDECLARED)}
    with pytest.raises(SchemaRefused, match="not safe beside it: notes 0002_renamed"):
        await bring_up_to_date(database, newer)
    assert await booked() == {"0001_initial"}
    await older.unregister()
    await bring_up_to_date(database, newer)
    assert await booked() == {"0001_initial", "0002_renamed"}


@pytest.mark.anyio
async def test_force_applies_unsafe_steps(database: Database, package: Package) -> None:
    await run_older(database, package)
    newer = {"instances": TABLES, "notes": package(FIRST | UNDECLARED)}
    await bring_up_to_date(database, newer, force=True)
    assert await booked() == {"0001_initial", "0002_renamed"}


@pytest.mark.anyio
async def test_step_safe_beside_the_previous_release_is_applied(
    database: Database, package: Package
) -> None:
    await run_older(database, package)
    newer = {"instances": TABLES, "notes": package(FIRST | EXPAND)}
    await bring_up_to_date(database, newer)
    assert await booked() == {"0001_initial", "0002_title"}
    (row,) = await fetch_all("SELECT tolerated_steps FROM portico_instance")
    assert row["tolerated_steps"] == '{"notes": ["0002_title"]}'


@pytest.mark.anyio
async def test_step_safe_beside_the_previous_release_waits_for_older_ones(
    database: Database, package: Package
) -> None:
    await run_older(database, package)
    newest = {"instances": TABLES, "notes": package(FIRST | EXPAND | CONTRACT)}
    with pytest.raises(SchemaRefused, match="beside it: notes 0003_no_id"):
        await bring_up_to_date(database, newest)
    assert await booked() == {"0001_initial"}


@pytest.mark.anyio
async def test_step_can_declare_the_oldest_required_step(
    database: Database, package: Package
) -> None:
    await run_older(database, package)
    third = {"0003_more.py": "# safe-beside: 0001_initial\nasync def forwards(database): ...\n"}
    await bring_up_to_date(
        database, {"instances": TABLES, "notes": package(FIRST | EXPAND | third)}
    )
    assert await booked() == {"0001_initial", "0002_title", "0003_more"}


@pytest.mark.anyio
async def test_steps_of_a_plugin_the_instance_lacks_do_not_wait(
    database: Database, package: Package
) -> None:
    await run_older(database, package)
    others = {
        "instances": TABLES,
        "others": package({"0001_initial.sql": "CREATE TABLE o (i INT)"}),
    }
    report = await bring_up_to_date(database, others)
    assert report.applied == {"others": ["0001_initial"]}


@pytest.mark.anyio
async def test_killed_instance_is_not_waited_for(database: Database, package: Package) -> None:
    await run_older(database, package)
    (own,) = await live_instances()
    assert (own.version, own.release) == (
        own.release.partition("+")[0],
        release_of(
            {
                "instances": ["0001_instances", "0002_messages", "0003_role", "0004_addresses"],
                "notes": ["0001_initial"],
            }
        ).id,
    )
    ended = subprocess.run(
        [sys.executable, "-c", "from portico.instances.processes import *; print(process_name())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    await execute("UPDATE portico_instance SET process = $1", ended)
    assert await live_instances() == []
    elsewhere = process_name().replace(str(os.getpid()), "999999").split(" ", 1)[1]
    await execute("UPDATE portico_instance SET process = $1", f"another-machine {elsewhere}")
    assert len(await live_instances()) == 1
    await execute("UPDATE portico_instance SET seen_at = seen_at - 60")
    assert await live_instances() == []
    another = OwnInstance()
    await another.register(release_of({}))
    assert [row["id"] for row in await fetch_all("SELECT id FROM portico_instance")] == [another.id]


def test_schema_of_a_newer_release_is_refused_unless_forced(
    app: InProcessApp, env: dict[str, str]
) -> None:
    app.run(execute, FUTURE)
    app.close()
    for settings in ({}, {"PORTICO_DATABASE_MIGRATE_ON_START": "false"}):
        with pytest.raises(CannotStart, match="newer release .* not know: identity 0099_future"):
            InProcessApp(env | settings)
    forced = InProcessApp(env | {"PORTICO_DATABASE_FORCE": "true"})
    ready = forced.client.get("/ready")
    assert (ready.status, ready.json["reasons"][0]["check"]) == (200, "schema")
    assert forced.client.sign_up("Ada").get("/api/v1/chats/").status == 200
    forced.close()


def test_steps_of_an_unloaded_plugin_do_not_refuse_the_start(
    app: InProcessApp, env: dict[str, str]
) -> None:
    app.run(execute, FUTURE.replace("identity", "folders"))
    app.close()
    with pytest.raises(CannotStart, match="folders 0099_future"):
        InProcessApp(env)
    InProcessApp(env | {"PORTICO_PLUGINS_DISABLE": "folders"}).close()


def test_commands_report_a_schema_of_a_newer_release(app: InProcessApp, command: Command) -> None:
    app.run(execute, FUTURE)
    app.close()
    checked = command("migrate", "--check", code=1)
    assert "unknown  identity  0099_future" in checked and "up to date" not in checked
    assert "does not know: identity 0099_future" in command("db", "info")
    for words in (["migrate"], ["secret", "show"]):
        assert "a newer release has changed the schema" in command(*words, code=1)
    command("migrate", "--force")


def test_instance_is_listed_while_it_runs(app: InProcessApp) -> None:
    (row,) = app.run(live_instances)
    assert row.release.startswith(f"{row.version}+")
    assert row.newest_steps.keys() >= {"identity", "chats"}
    app.run(app.portico.instance.unregister)
    assert app.run(live_instances) == []
