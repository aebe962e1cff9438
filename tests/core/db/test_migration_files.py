"""Which files make a sequence of migrations."""

from collections.abc import Callable
from pathlib import Path

import pytest

from portico.db import BadMigration
from portico.db.migration_files import read_migrations

Package = Callable[..., str]


def test_migrations_of_all_kinds_are_read_in_order(package: Package) -> None:
    name = package(
        {
            "0002_more.sqlite.sql": "",
            "0002_more.postgres.sql": "",
            "0003_code.py": "async def forwards(database): ...",
            "0001_initial.sql": "CREATE TABLE a (b TEXT)",
        }
    )
    names = ["0001_initial", "0002_more", "0003_code"]
    assert [step.name for step in read_migrations(name, "sqlite")] == names
    assert [step.name for step in read_migrations(name, "postgres")] == names


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["0001_a.sql", "0001_b.sql"], "found 0001_b where number 0002"),
        (["0001_a.sql", "0003_b.sql"], "found 0003_b where number 0002"),
        (["0000_a.sql"], "found 0000_a where number 0001"),
        (["0001_a.sql", "0001_a.py"], "0001_a needs one file"),
        (["0001_a.sqlite.sql"], "0001_a needs one file"),
        (["0001_a.mysql.sql"], "0001_a.mysql.sql is not named like"),
        (["initial.sql"], "initial.sql is not named like"),
        (["0001_Initial.sql"], "0001_Initial.sql is not named like"),
    ],
)
def test_gaps_and_duplicates_in_the_numbers_are_refused(
    package: Package, files: list[str], reason: str
) -> None:
    with pytest.raises(BadMigration, match=reason):
        read_migrations(package(dict.fromkeys(files, "")), "sqlite")


@pytest.mark.parametrize("verb", ["BEGIN", "commit", "ROLLBACK", "END", "Vacuum"])
def test_script_that_ends_its_transaction_is_refused(package: Package, verb: str) -> None:
    name = package({"0001_a.sql": f"CREATE TABLE a (b TEXT); /* ! */ {verb}; SELECT 1"})
    with pytest.raises(BadMigration, match=f"must not contain {verb.upper()}"):
        read_migrations(name, "postgres")


def test_bodies_of_functions_and_triggers_are_not_checked(package: Package) -> None:
    function = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $x$ BEGIN RETURN 1; END; $x$;"
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END;"
    name = package({"0001_a.sqlite.sql": trigger, "0001_a.postgres.sql": function})
    assert len(read_migrations(name, "sqlite")) == len(read_migrations(name, "postgres")) == 1


def test_missing_package_is_a_bad_migration(tmp_path: Path) -> None:
    with pytest.raises(BadMigration, match="no_such_package"):
        read_migrations("no_such_package.migrations", "sqlite")
