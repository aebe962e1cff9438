"""Migrations: once, whole, and each plugin for itself."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portico.db import BadMigration, Database, TableSet, migrate, pending
from portico.errors import Unavailable

pytestmark = pytest.mark.anyio
Package = Callable[..., str]
Spawn = Callable[..., subprocess.Popen[str]]
INITIAL = {
    "0001_initial.sql": "CREATE TABLE {t} (id TEXT PRIMARY KEY); INSERT INTO {t} VALUES ('x');"
}
CODE = """
async def forwards(database):
    await database.execute("ALTER TABLE {t} ADD COLUMN name TEXT")
    await database.execute("UPDATE {t} SET name = id")
    await database.execute("INSERT INTO {t} VALUES ('code', 'code')")
"""


def sets(**packages: str) -> dict[str, TableSet]:
    return {plugin: TableSet((), name) for plugin, name in packages.items()}


def files(table: str, *more: dict[str, str]) -> dict[str, str]:
    return {
        name: text.replace("{t}", table) for part in (INITIAL, *more) for name, text in part.items()
    }


async def book(database: Database) -> list[tuple[Any, ...]]:
    found = await database.rows("SELECT plugin, name FROM portico_migration ORDER BY 1, 2")
    return [tuple(row.values()) for row in found]


async def test_two_plugins_may_have_migrations_of_the_same_name(
    database: Database, package: Package
) -> None:
    both = sets(a=package(files("a")), b=package(files("b", {"0002_code.py": CODE})))
    assert await pending(database, both) == {
        "a": ["0001_initial"],
        "b": ["0001_initial", "0002_code"],
    }
    begun: list[tuple[str, str]] = []
    report = await migrate(database, both, lambda plugin, name: begun.append((plugin, name)))
    assert report.applied == {"a": ["0001_initial"], "b": ["0001_initial", "0002_code"]}
    assert (report.failed, report.unknown) == ({}, {})
    assert (
        begun
        == await book(database)
        == [
            ("a", "0001_initial"),
            ("b", "0001_initial"),
            ("b", "0002_code"),
        ]
    )
    assert await database.rows("SELECT * FROM a") == [{"id": "x"}]
    assert len(await database.rows("SELECT * FROM b WHERE name = id")) == 2
    assert await pending(database, both) == {}
    assert (await migrate(database, both)).applied == {}


async def test_core_is_migrated_first_then_plugins_in_order(
    database: Database, package: Package
) -> None:
    begun: list[str] = []
    names = ("z", "portico", "a")
    given = sets(**{name: package(files(f"table_{name}")) for name in names})
    await migrate(database, given, lambda plugin, _: begun.append(plugin))
    assert begun == ["portico", "z", "a"]


async def test_each_dialect_uses_its_own_file(database: Database, package: Package) -> None:
    each = {
        f"0001_initial.{dialect}.sql": (
            f"CREATE TABLE t (id TEXT); INSERT INTO t VALUES ('{dialect}')"
        )
        for dialect in ("sqlite", "postgres")
    }
    await migrate(database, sets(t=package(each)))
    assert await database.rows("SELECT id FROM t") == [{"id": database.dialect}]


@pytest.mark.parametrize(
    "broken",
    [
        {"0002_broken.sql": "INSERT INTO bad VALUES ('half'); INSERT INTO missing VALUES (1);"},
        {"0002_broken.py": CODE + "    raise LookupError('half-way')"},
        {"0002_broken.py": CODE + "    await database.execute('INSERT INTO missing VALUES (1)')"},
        {"0002_broken.py": "def forwards(database): ..."},
        {"0002_broken.py": "import no_such_module"},
    ],
)
async def test_failing_migration_is_rolled_back_and_others_continue(
    database: Database, package: Package, broken: dict[str, str]
) -> None:
    """FT-30."""
    given = sets(bad=package(files("bad", broken)), good=package(files("good")))
    report = await migrate(database, given)
    assert report.applied == {"bad": ["0001_initial"], "good": ["0001_initial"]}
    assert list(report.failed) == ["bad"]
    assert report.failed["bad"].startswith("0002_broken: ")
    assert await database.rows("SELECT * FROM bad") == [{"id": "x"}]
    assert await book(database) == [("bad", "0001_initial"), ("good", "0001_initial")]


async def test_unavailable_database_during_a_migration_is_raised(
    database: Database, package: Package
) -> None:
    away = """
from portico.errors import Unavailable

async def forwards(database):
    await database.execute("CREATE TABLE half (id TEXT)")
    raise Unavailable
"""
    given = sets(t=package(files("t", {"0002_code.py": away})))
    with pytest.raises(Unavailable):
        await migrate(database, given)
    assert await book(database) == [("t", "0001_initial")]
    assert await pending(database, given) == {"t": ["0002_code"]}


async def test_unreadable_migrations_fail_only_their_plugin(
    database: Database, package: Package
) -> None:
    given = sets(bad=package({"1.sql": ""}), good=package(files("good")))
    report = await migrate(database, given)
    assert "1.sql is not named like" in report.failed["bad"]
    assert report.applied == {"good": ["0001_initial"]}
    with pytest.raises(BadMigration):
        await pending(database, given)


async def test_unknown_migrations_are_reported_and_not_changed(
    database: Database, package: Package
) -> None:
    await migrate(database, sets(t=package(files("t", {"0002_code.py": CODE}))))
    older = sets(t=package(files("t")))
    assert await pending(database, older) == {}
    report = await migrate(database, older)
    assert report.unknown == {"t": ["0002_code"]}
    assert (report.applied, report.failed) == ({}, {})
    assert len(await database.rows("SELECT name FROM t")) == 2


async def test_renamed_migration_is_not_applied_twice(database: Database, package: Package) -> None:
    await migrate(database, sets(t=package(files("t"))))
    renamed = package({"0001_first.sql": "CREATE TABLE t2 (id TEXT)"})
    report = await migrate(database, sets(t=renamed))
    assert report.failed == {"t": "0001_first was already applied under the name 0001_initial"}


async def test_upgrade_keeps_the_rows_of_the_previous_release(
    database: Database, package: Package
) -> None:
    """The step rebuilds a table that another refers to, which is how SQLite changes a column."""
    linked = (
        "CREATE TABLE chat (id TEXT PRIMARY KEY, title TEXT);"
        "CREATE TABLE message (id TEXT, chat TEXT REFERENCES chat (id) ON DELETE CASCADE);"
    )
    rebuild = (
        "CREATE TABLE chat_new (id TEXT PRIMARY KEY, title TEXT NOT NULL);"
        "INSERT INTO chat_new SELECT id, COALESCE(title, '') FROM chat;"
        "DROP TABLE chat; ALTER TABLE chat_new RENAME TO chat;"
    )
    alter = (
        "UPDATE chat SET title = '' WHERE title IS NULL; ALTER TABLE chat ALTER title SET NOT NULL;"
    )
    await migrate(database, sets(t=package({"0001_initial.sql": linked})))
    await database.execute("INSERT INTO chat VALUES ('c', NULL)")
    await database.execute("INSERT INTO message VALUES ('m', 'c')")
    newer = {
        "0001_initial.sql": linked,
        "0002_title.sqlite.sql": rebuild,
        "0002_title.postgres.sql": alter,
    }
    report = await migrate(database, sets(t=package(newer)))
    assert report.applied == {"t": ["0002_title"]}
    assert await database.rows("SELECT title FROM chat") == [{"title": ""}]
    assert await database.rows("SELECT chat FROM message") == [{"chat": "c"}]
    await database.execute("DELETE FROM chat")  # references are enforced again
    assert await database.rows("SELECT * FROM message") == []


async def test_migration_that_leaves_dangling_references_fails(
    database: Database, package: Package
) -> None:
    linked = (
        "CREATE TABLE chat (id TEXT PRIMARY KEY);"
        "CREATE TABLE message (id TEXT, chat TEXT REFERENCES chat (id));"
    )
    dangling = {"0001_initial.sql": linked + "INSERT INTO message VALUES ('m', 'missing');"}
    report = await migrate(database, sets(t=package(dangling)))
    assert "ForeignKeyViolation" in report.failed["t"]


async def test_concurrent_processes_apply_each_migration_once(
    database: Database, url: str, package: Package, spawn: Spawn, tmp_path: Path
) -> None:
    """FT-14."""
    # The second step takes long, so that all three would find it missing if nothing held them off.
    slow = CODE.replace("{t}", "t") + "    import asyncio\n    await asyncio.sleep(0.3)\n"
    name = package(files("t", {"0002_code.py": slow}))
    children = [spawn("migrate_on_command", url, name, path=str(tmp_path)) for _ in range(3)]
    for child in children:
        assert child.stdout and child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    outputs = [(await asyncio.to_thread(child.communicate))[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    assert sorted(outputs) == ["0\n", "0\n", "2\n"]
    assert len(await database.rows("SELECT * FROM t")) == 2


@pytest.mark.case("FT-15")
async def test_killed_migration_is_resumed(
    database: Database, url: str, package: Package, spawn: Spawn, tmp_path: Path
) -> None:
    """FT-15: die before every statement in turn; what is half done must never be seen."""
    name = package(files("t", {"0002_code.py": CODE}))
    statement, outcomes = 0, set()
    while True:
        statement += 1
        child = spawn("migrate", url, str(statement), name, path=str(tmp_path))
        await asyncio.to_thread(child.communicate)
        if child.returncode == 0:
            break
        assert child.returncode == -9
        noted = [step for _, step in await book(database)] if statement > 1 else []
        there = await tables(database)
        rows = len(await database.rows("SELECT * FROM t")) if "t" in there else 0
        assert (len(noted), rows) in {(0, 0), (1, 1), (2, 2)}
        outcomes.add(len(noted))
        for table in there & {"t", "portico_migration", "portico_migration_checksum"}:
            await database.execute(f"DROP TABLE {table}")
    # The two tables of the book; a script (on SQLite: its two statements as well) and its two entries; three statements
    # in a savepoint and their two entries; then there is nothing left to die before.
    assert statement == {"sqlite": 15, "postgres": 13}[database.dialect]
    assert outcomes == {0, 1}
    assert len(await database.rows("SELECT * FROM t")) == 2


@pytest.mark.case("FT-15")
async def test_next_start_continues_after_a_kill(
    database: Database, url: str, package: Package, spawn: Spawn, tmp_path: Path
) -> None:
    name = package(files("t", {"0002_code.py": CODE}))
    child = spawn("migrate", url, "8", name, path=str(tmp_path))
    await asyncio.to_thread(child.communicate)
    assert child.returncode == -9
    report = await migrate(database, {name: TableSet((), name)})
    assert report.applied == {name: ["0002_code"]}


async def tables(database: Database) -> set[str]:
    listing = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if database.dialect == "sqlite"
        else "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    )
    return {row["name"] for row in await database.rows(listing)}
