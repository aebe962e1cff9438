"""Which address leads to which database."""

from pathlib import Path

import pytest

from portico.db import BadDatabase, DatabaseSettings, open_database
from portico.db.sqlite import SQLite

DATA = Path("/data")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("", "/data/portico.db"),
        ("sqlite:///srv/other.db", "/srv/other.db"),
        ("sqlite:////srv/other.db", "/srv/other.db"),
        ("sqlite:///srv/my%20data/other.db", "/srv/my data/other.db"),
    ],
)
def test_sqlite_addresses_name_a_file(url: str, path: str) -> None:
    database = open_database(DatabaseSettings(url=url), DATA)
    assert isinstance(database, SQLite)
    assert database.path == Path(path)


@pytest.mark.parametrize(
    "url", ["postgres://me:p%40ss@db:5432/portico", "postgresql://me@/portico?host=/run/postgresql"]
)
def test_postgres_addresses_lead_to_postgres(url: str) -> None:
    assert open_database(DatabaseSettings(url=url), DATA).dialect == "postgres"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@db/portico",
        "postgresql+asyncpg://me:secret@db/portico",
        "sqlite://relative.db",
        "sqlite://",
        "sqlite:///:memory:",
        "portico.db",
        "postgres://[secret",
    ],
)
def test_other_addresses_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(BadDatabase, match="sqlite:///absolute/path") as refused:
        open_database(DatabaseSettings(url=url), DATA)
    assert "secret" not in str(refused.value)
