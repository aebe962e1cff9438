"""Encrypted files: keys, errors for wrong keys, and no plain text on the disk."""

import asyncio
import sqlite3
import sys
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from tests.engines import plain

from portico.db import BadDatabase, DatabaseSettings, open_database
from portico.db.sqlite.cipher import CipherKey, load_sqlcipher
from portico.db.sqlite.database import SQLite
from portico.settings.section import Secret

pytestmark = pytest.mark.anyio
PASSWORD = Secret("correct horse")
WORDS = "text that must stay secret"
ODD = [
    "it's", 'say "hi"', "a'; DROP TABLE note; --", "nul\0in it", " ends with blanks  ", "ünïcödé 密码 🔑", "\ud800",
    "x'" + "ab" * 32 + "'", "%s", "\n", "a" * 10_000,
]  # fmt: skip


def at(path: Path, password: Secret | None) -> SQLite:
    return SQLite(path, DatabaseSettings(), password) if password else plain(path)


async def filled(path: Path, password: Secret | None) -> None:
    database = at(path, password)
    await database.start()
    await database.execute("CREATE TABLE note (words TEXT)")
    await database.execute("INSERT INTO note VALUES ($1)", WORDS)
    await database.stop()


async def read(path: Path, password: Secret | None) -> list[str]:
    database = at(path, password)
    await database.start()
    try:
        return [row["words"] for row in await database.rows("SELECT words FROM note")]
    finally:
        await database.stop()


def contents(folder: Path) -> dict[str, bytes]:
    """Of what holds rows: the rest is for locks, and for who reads up to where."""
    kept = ("portico.db", "portico.db-wal", "portico.db-journal")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name in kept}


@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_any_non_empty_password_opens_its_file(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "portico.db"
    await filled(path, Secret(odd))
    assert await read(path, Secret(odd)) == [WORDS]
    with pytest.raises(BadDatabase):
        await read(path, Secret(odd + "x"))


async def test_sqlcipher_opens_the_file_with_the_password(tmp_path: Path) -> None:
    path = tmp_path / "portico.db"
    await filled(path, PASSWORD)
    connection = load_sqlcipher().connect(path)
    connection.execute("PRAGMA key = 'correct horse'")
    assert connection.execute("SELECT words FROM note").fetchall() == [(WORDS,)]
    assert connection.execute("PRAGMA cipher_integrity_check").fetchall() == []
    connection.close()


async def test_file_created_by_sqlcipher_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "portico.db"
    connection = load_sqlcipher().connect(path, isolation_level=None)
    connection.execute("PRAGMA key = 'correct horse'")
    connection.execute("CREATE TABLE note (words TEXT)")
    connection.execute("INSERT INTO note VALUES (?)", (WORDS,))
    connection.close()
    assert await read(path, PASSWORD) == [WORDS]


@pytest.mark.case("AB-22")
async def test_open_encrypted_database_has_no_plain_text_in_any_file(tmp_path: Path) -> None:
    path = tmp_path / "portico.db"
    await filled(path, PASSWORD)
    database = at(path, PASSWORD)
    await database.start()
    await database.execute("INSERT INTO note VALUES ($1)", WORDS + " at all")
    found = contents(tmp_path)
    assert {"portico.db", "portico.db-wal"} <= found.keys()
    for name, held in found.items():
        for readable in (WORDS.encode(), b"CREATE TABLE", b"SQLite format 3", b"correct horse"):
            assert readable not in held, name
    refused = pytest.raises(sqlite3.DatabaseError, match="file is not a database")
    with closing(sqlite3.connect(path)) as without_key, refused:
        without_key.execute("SELECT * FROM note")
    await database.stop()


async def test_wrong_password_changes_nothing_and_is_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "portico.db"
    await filled(path, PASSWORD)
    holder = at(path, PASSWORD)
    await holder.start()
    await holder.execute("INSERT INTO note VALUES ('in the log of writes')")
    before = contents(tmp_path)
    with pytest.raises(
        BadDatabase, match="not a database, or it is encrypted with another password"
    ):
        await at(path, Secret("wrong horse")).start()
    assert contents(tmp_path) == before
    assert await read(path, PASSWORD) == [WORDS, "in the log of writes"]
    await holder.stop()
    assert "".join(capfd.readouterr()) == ""


async def test_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "portico.db"
    for rubbish in (b"x" * 5000, b"short"):
        path.write_bytes(rubbish)
        for password in (PASSWORD, None):
            with pytest.raises(BadDatabase, match="is not a database"):
                await at(path, password).start()
            assert path.read_bytes() == rubbish


async def test_plain_file_is_refused_if_encryption_is_configured(tmp_path: Path) -> None:
    path = tmp_path / "portico.db"
    await filled(path, None)
    before = contents(tmp_path)
    with pytest.raises(BadDatabase, match="is not encrypted.*portico db encrypt"):
        await at(path, PASSWORD).start()
    assert contents(tmp_path) == before


async def test_encrypted_file_without_password_names_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "portico.db"
    await filled(path, PASSWORD)
    before = contents(tmp_path)
    with pytest.raises(BadDatabase, match="DATABASE_TYPE=sqlite\\+sqlcipher"):
        await at(path, None).start()
    assert contents(tmp_path) == before


async def test_empty_file_becomes_an_encrypted_database(tmp_path: Path) -> None:
    path = tmp_path / "portico.db"
    path.touch(0o600)
    await filled(path, PASSWORD)
    assert await read(path, PASSWORD) == [WORDS]


async def test_concurrent_starts_use_the_same_key(tmp_path: Path) -> None:
    databases = [at(tmp_path / "portico.db", PASSWORD) for _ in range(6)]
    await asyncio.gather(*(database.start() for database in databases))
    await databases[0].execute("CREATE TABLE note (words TEXT)")
    for database in databases:
        await database.execute("INSERT INTO note VALUES ($1)", WORDS)
    assert len(await databases[-1].scan("SELECT * FROM note")) == 6
    for database in databases:
        await database.stop()


async def test_key_is_not_in_statements_errors_or_repr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "portico.db"
    await filled(path, PASSWORD)
    database = at(path, PASSWORD)
    await database.start()
    key = database._file._key
    assert isinstance(key, CipherKey)
    texts = [repr(key), repr(vars(database._file)), repr(vars(database))]
    traced: list[str] = []
    for connection in (database.writer.connection, database._reader):
        connection.set_trace_callback(traced.append)
    await database.rows("SELECT * FROM note")
    for failing in (database.rows("SELECT nonsense"), at(path, Secret("wrong horse")).start()):
        try:
            await failing
        except Exception as error:
            texts += [str(error), "".join(traceback.format_exception(error))]
    await database.stop()
    out = "\n".join([*texts, *traced, *capfd.readouterr()])
    for secret in ("correct horse", "wrong horse", key.reveal(), key.reveal()[2:66]):
        assert secret not in out


async def test_missing_driver_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlcipher3", None)
    with pytest.raises(BadDatabase, match=r"portico\[sqlcipher\]"):
        await at(tmp_path / "portico.db", PASSWORD).start()


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "sqlite+sqlcipher"},
        {"url": "sqlite+sqlcipher:///srv/portico.db"},
        {"url": "sqlite:///srv/portico.db", "type": "sqlite+sqlcipher"},
    ],
)
def test_empty_password_is_refused(settings: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(BadDatabase, match="needs a password that is not empty"):
        open_database(DatabaseSettings(**settings), tmp_path)
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(BadDatabase, match="needs a password that is not empty"):
        open_database(DatabaseSettings(**settings, password_file=str(tmp_path / "empty")), tmp_path)
