"""Which address leads to which database."""

from pathlib import Path
from typing import Any

import pytest

from portico.db import BadDatabase, DatabaseSettings, open_database
from portico.db.address import PostgresAddress, SQLiteAddress, find_database
from portico.db.sqlite.database import SQLite
from portico.settings.section import Secret

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
def test_sqlite_url_names_a_file(url: str, path: str) -> None:
    database = open_database(DatabaseSettings(url=url), DATA)
    assert isinstance(database, SQLite)
    assert database.path == Path(path)


@pytest.mark.parametrize(
    "url", ["postgres://me:p%40ss@db:5432/portico", "postgresql://me@/portico?host=/run/postgresql"]
)
def test_postgres_url_opens_postgres(url: str) -> None:
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
    ],
)
def test_invalid_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadDatabase, match="sqlite:///absolute/path") as refused:
        open_database(DatabaseSettings(url=url), DATA)
    assert "secret" not in str(refused.value)


PARTS = {"type": "postgresql", "host": "db", "name": "portico"}


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        (PARTS, "postgresql://db/portico"),
        (
            PARTS | {"type": "postgres", "port": 6543, "user": "me"},
            "postgresql://me@db:6543/portico",
        ),
        (
            PARTS | {"user": "m@e", "password": Secret("p:/@?#% ü'"), "name": "my db?"},
            "postgresql://m%40e:p%3A%2F%40%3F%23%25%20%C3%BC%27@db/my%20db%3F",
        ),
        (PARTS | {"host": "::1", "port": 5433}, "postgresql://[::1]:5433/portico"),
        (
            PARTS | {"host": "/run/postgresql", "port": 5433},
            "postgresql:///portico?host=%2Frun%2Fpostgresql&port=5433",
        ),
        (PARTS | {"url": "sqlite:///srv/other.db"}, "postgresql://db/portico"),
        ({"type": "postgresql", "url": "postgres://db/x"}, "postgres://db/x"),
    ],
)
def test_url_is_built_from_its_parts(parts: dict[str, Any], url: str) -> None:
    found = find_database(DatabaseSettings(**parts), DATA)
    assert isinstance(found, PostgresAddress)
    assert found.url == url
    assert "%40" not in repr(found) and "%3A" not in str(found)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"type": "sqlite+sqlcipher"}, "/data/portico.db"),
        ({"url": "sqlite+sqlcipher:///srv/other.db"}, "/srv/other.db"),
        ({"url": "sqlite:///srv/other.db", "type": "sqlite+sqlcipher"}, "/srv/other.db"),
    ],
)
def test_encrypted_file_has_its_password(settings: dict[str, Any], path: str) -> None:
    found = find_database(DatabaseSettings(**settings, password=Secret("s3cr3t")), DATA)
    assert found == SQLiteAddress(Path(path), Secret("s3cr3t"))
    assert "s3cr3t" not in repr(found) + str(found)


def test_password_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(" wörds  \r\n".encode())
    settings = DatabaseSettings(type="sqlite+sqlcipher", password_file=str(file))
    assert find_database(settings, DATA) == SQLiteAddress(DATA / "portico.db", Secret(" wörds  "))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"type": "postgresql"}, "set DATABASE_HOST and DATABASE_NAME too"),
        ({"type": "postgresql", "host": "db", "url": "sqlite:///x.db"}, "make them equal"),
        ({"type": "sqlite", "url": "sqlite+sqlcipher:///x.db"}, "make them equal"),
        ({"type": "sqlite+sqlcipher", "url": "postgresql://db/x"}, "make them equal"),
        ({"password": Secret("s3cr3t")}, "would not be encrypted"),
        ({"url": "sqlite:///x.db", "password": Secret("s3cr3t")}, "would not be encrypted"),
        ({"password_file": "/nowhere"}, "would not be encrypted"),
        ({"type": "sqlite+sqlcipher", "password_file": "/nowhere/s"}, "cannot be read"),
        (
            {"type": "sqlite+sqlcipher", "password_file": "/x", "password": Secret("s3cr3t")},
            "not both",
        ),
        ({"url": "sqlite+sqlcipher://:s3cr3t@/x.db"}, "does not name a file"),
    ],
)
def test_contradictory_settings_are_refused_without_the_password(
    settings: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadDatabase, match=why) as refused:
        find_database(DatabaseSettings(**settings), DATA)
    assert "s3cr3t" not in str(refused.value)


SECRET = "s3cr3t"
REST = "127.0.0.1:1/db"


@pytest.mark.parametrize("variable", ["url", "direct_url"])
@pytest.mark.parametrize(
    ("url", "advice"),
    [
        *((f"postgresql://u:{SECRET}{c}x@{REST}", "set DATABASE_PASSWORD") for c in "?#/@[]"),
        *((f"postgresql://u:{c}{SECRET}@{REST}", "set DATABASE_PASSWORD") for c in "?#/@[]"),
        (f"postgresql://u:123?{SECRET}=y@{REST}", "%3F"),
        (f"postgresql://u:123/{SECRET}@{REST}", "%2F"),
        (f"postgresql://u:{SECRET}@{REST}#f", "%23"),
        (f"postgresql://u:{SECRET}/@h/db?x=1", "%2F"),
        (f"postgresql://u:{SECRET}", "port is not a number"),
        (f"postgresql://u:x@h:{SECRET}/db", "port is not a number"),
        (f"postgresql://u:{SECRET}@h:0/db", "port is not a number"),
        (f"postgresql://u:{SECRET}@h:65536/db", "port is not a number"),
        (f"postgresql://u:{SECRET}@a:5432,b:²/db", "port is not a number"),
        (f"postgresql://u:{SECRET}@/db?port=x", "port is not a number"),
        (f"postgresql://u:{SECRET}%ff@{REST}", "%25"),
        (f"postgresql://u:{SECRET}@{REST}?{SECRET}", "cannot be read"),
        (f"postgresql://u:{SECRET}@[::1/db", "cannot be read"),
        (f"postgresql://[{SECRET}", "cannot be read"),
        (f"postgresql://u:{SECRET}℀@{REST}", "cannot be read"),
        (f"postgres:u:{SECRET}@h/db", "two slashes"),
        (f"postgres:/u:{SECRET}@h/db", "two slashes"),
        (f"postgresql:{SECRET}", "two slashes"),
        (f"{SECRET}:x@h/db", "begin with a scheme"),
        (f"u:{SECRET}@h/db", "begin with a scheme"),
        (f"//u:{SECRET}@h/db", "begin with a scheme"),
        (f"postgresql//u:{SECRET}@h/db", "begin with a scheme"),
        (f"jdbc:postgresql://h/db?password={SECRET}", "begin with a scheme"),
        (f"host=h password={SECRET}", "begin with a scheme"),
        (f"mysql://u:{SECRET}@h/db", "unknown scheme 'mysql'"),
        (f"sqlite://u:{SECRET}@h/db", "does not name a file"),
    ],
)
def test_malformed_postgres_url_is_refused_with_advice_and_without_its_password(
    variable: str, url: str, advice: str
) -> None:
    settings = {"url": f"postgresql://{REST}"} | {variable: url}
    with pytest.raises(BadDatabase, match=advice) as refused:
        open_database(DatabaseSettings(**settings), DATA)
    assert SECRET not in str(refused.value)
    assert str(refused.value).startswith("DATABASE_URL" if variable == "url" else "DATABASE_DIRECT")
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:a:b%@h/db",
        "postgresql://u:a b\\!$&'()*+,;=~@h/db",
        "postgresql://u:%3F%23%2F%40@[::1]:5433,h/db?target_session_attrs=any",
        "postgresql://h/db?user=me@azure&password=p@ss&sslmode=require",
        "POSTGRESQL://[fe80::1%25eth0]:5432",
        "postgresql:///db?host=/run/postgresql&port=5433",
    ],
)
def test_postgres_url_with_odd_but_valid_parts_is_accepted(url: str) -> None:
    found = find_database(DatabaseSettings(url=url), DATA)
    assert isinstance(found, PostgresAddress) and found.url == url


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("postgresql://me@h/db", "postgresql://me@h/db?password=a%2Fb"),
        ("postgresql:///db?host=/run", "postgresql:///db?host=/run&password=a%2Fb"),
        ("postgresql://me:own@h/db", "postgresql://me:own@h/db"),
        ("postgresql://h/db?password=own", "postgresql://h/db?password=own"),
    ],
)
def test_password_of_the_settings_is_used_if_the_url_has_none(url: str, used: str) -> None:
    found = find_database(DatabaseSettings(url=url, password=Secret("a/b")), DATA)
    assert isinstance(found, PostgresAddress) and found.url == used
    assert "a%2Fb" not in str(found) and "own" not in str(found)
