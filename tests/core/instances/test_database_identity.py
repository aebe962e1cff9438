"""A database that was there and is gone is not a new installation."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.commands import Command
from tests.servers import fresh_database

from portico.boot import CannotStart
from portico.db import execute, fetch_all
from portico.testing import InProcessApp

REFUSED = "the database is empty, and .*database_id names another"


@pytest.fixture
def data_dir(env: Mapping[str, str]) -> Path:
    return Path(env["DATA_DIR"])


@pytest.fixture
def emptied(
    request: pytest.FixtureRequest, app: InProcessApp, env: dict[str, str], data_dir: Path
) -> Iterator[dict[str, str]]:
    """The settings of an application whose database was replaced by an empty one."""
    app.client.sign_up("Ada")
    app.close()
    if "DATABASE_URL" not in env:
        for file in data_dir.glob("portico.db*"):
            file.unlink()
        yield env
        return
    with fresh_database(request.getfixturevalue("postgres")) as url:
        yield env | {"DATABASE_URL": url}


def test_database_id_file_is_readable_by_its_owner_only(app: InProcessApp, data_dir: Path) -> None:
    file = data_dir / "database_id"
    (stored,) = app.run(fetch_all, "SELECT database_id FROM portico_database")
    assert file.read_text() == stored["database_id"] + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_empty_database_in_place_of_a_used_one_is_refused(
    emptied: dict[str, str], data_dir: Path
) -> None:
    before = (data_dir / "database_id").read_text()
    for _ in range(2):  # the first attempt does not make the second one possible
        with pytest.raises(CannotStart, match=REFUSED):
            InProcessApp(emptied)
    assert (data_dir / "database_id").read_text() == before
    fresh = InProcessApp(emptied | {"PORTICO_NEW_DATABASE": "true"})
    assert fresh.client.sign_up("Eve").account["role"] == "admin"
    fresh.close()
    assert (data_dir / "database_id").read_text() != before
    InProcessApp(emptied).close()


def test_migrated_database_without_accounts_counts_as_empty(
    app: InProcessApp, data_dir: Path, env: dict[str, str]
) -> None:
    app.close()
    InProcessApp(env).close()  # no account yet, and it is the expected database
    (data_dir / "database_id").write_text("another\n")
    with pytest.raises(CannotStart, match=REFUSED):
        InProcessApp(env)


def test_database_with_accounts_is_accepted_by_another_data_directory(
    app: InProcessApp, data_dir: Path, env: dict[str, str]
) -> None:
    app.client.sign_up("Ada")
    app.run(execute, "DELETE FROM portico_database")  # as one of an earlier release
    app.close()
    (data_dir / "database_id").write_text("another\n")
    again = InProcessApp(env)
    assert again.client.sign_in("Ada").account["role"] == "admin"
    again.close()
    assert (data_dir / "database_id").read_text() != "another\n"


def test_commands_refuse_an_empty_database_too(
    emptied: dict[str, str], command: Command, monkeypatch
) -> None:
    for name, value in emptied.items():
        monkeypatch.setenv(name, value)
    for words in (["migrate"], ["secret", "show"]):
        output = command(*words, code=1)
        assert "names another one that was used before" in output and "--new-database" in output
    command("migrate", "--new-database")
    command("migrate")


def test_require_existing_database_refuses_an_empty_one(
    env: dict[str, str], command: Command, monkeypatch, tmp_path: Path
) -> None:
    required = env | {"PORTICO_REQUIRE_EXISTING_DATABASE": "true"}
    with pytest.raises(CannotStart, match="PORTICO_REQUIRE_EXISTING_DATABASE"):
        InProcessApp(required)
    command("migrate", "--new-database")
    InProcessApp(required).close()
    if "DATABASE_URL" in required:  # another container, with a directory that cannot be written
        (tmp_path / "file").touch()
        InProcessApp(required | {"DATA_DIR": str(tmp_path / "file" / "data")}).close()
