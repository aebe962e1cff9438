"""Conversions of a database file: same rows, always one complete file, no other process."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.engines import connect, plain

from portico.db import BadDatabase, DatabaseSettings
from portico.db.sqlite.cipher import load_sqlcipher
from portico.db.sqlite.database import SQLite
from portico.db.sqlite.file_encryption import Conversion, backups_of, convert, is_encrypted
from portico.settings.section import Secret

pytestmark = pytest.mark.anyio
OLD, NEW = Secret("the old password"), Secret('it\'s the "new" one')
WAYS = {"encrypt": (None, NEW), "decrypt": (OLD, None), "rekey": (OLD, NEW)}
STAGES = ["settled", "copying", "copied", "checked", "kept", "swapped"]
WORDS = "what only the owner may read"
SCHEMA = """
    CREATE TABLE person (id TEXT PRIMARY KEY, born BOOLEAN, picture BLOB);
    CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, words TEXT REFERENCES person (id));
    CREATE TABLE bare (words TEXT);
    CREATE TABLE "odd ""name" ("odd ""column" TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE INDEX by_words ON bare (words DESC) WHERE words IS NOT NULL;
    CREATE VIEW people AS SELECT id FROM person;
    CREATE TRIGGER follow AFTER INSERT ON person BEGIN INSERT INTO bare VALUES (NEW.id || ';'); END;
    CREATE VIRTUAL TABLE found USING fts5(words, tokenize='trigram');
"""
EVERYTHING = (
    "SELECT id, born, picture FROM person ORDER BY id",
    "SELECT id, words FROM numbered ORDER BY id",
    "SELECT rowid, words FROM bare ORDER BY rowid",
    'SELECT * FROM "odd ""name"',
    "SELECT * FROM sqlite_sequence",
    "SELECT rowid, words FROM found WHERE found MATCH 'owner'",
    "SELECT * FROM people ORDER BY id",
    "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name",
    "PRAGMA user_version",
)


def at(path: Path, password: Secret | None) -> SQLite:
    return SQLite(path, DatabaseSettings(), password) if password else plain(path)


async def fill(path: Path, password: Secret | None, rows: int = 300) -> None:
    database = at(path, password)
    await database.start()
    await database.script(SCHEMA)
    async with database.transaction():
        for number in range(rows):
            await database.execute(
                "INSERT INTO person VALUES ($1, $2, $3)",
                f"p{number}",
                number % 2 == 0,
                os.urandom(900),
            )
            await database.execute("INSERT INTO numbered (words) VALUES ($1)", f"p{number}")
        await database.execute("INSERT INTO found VALUES ($1)", WORDS)
        await database.execute('INSERT INTO "odd ""name" VALUES (\'x\')')
        await database.execute("DELETE FROM bare WHERE rowid % 3 = 0")
        await database.execute("DELETE FROM numbered WHERE id > $1", rows - 5)
    await database.execute("PRAGMA user_version = 7")
    await database.stop()


async def everything(path: Path, password: Secret | None) -> list[object]:
    database = at(path, password)
    await database.start()
    try:
        return [await database.rows(text) for text in EVERYTHING]
    finally:
        await database.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "portico.db"


@pytest.mark.parametrize("word", WAYS)
async def test_conversion_keeps_rows_and_schema(path: Path, word: str) -> None:
    old, new = WAYS[word]
    await fill(path, old)
    before = await everything(path, old)
    sizes: list[int] = []
    backup = convert(Conversion(path, old, new, word), on_bytes=sizes.append)
    assert await everything(path, new) == before
    assert is_encrypted(path) is (new is not None)
    assert sizes and sizes[-1] == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert backups_of(path) == [backup] and word in backup.name
    assert await everything(backup, old) == before
    with pytest.raises(BadDatabase):
        await at(path, old).start()


@pytest.mark.case("AB-22")
async def test_encrypted_file_contains_no_plain_text(path: Path) -> None:
    await fill(path, None)
    assert WORDS.encode() in path.read_bytes()
    convert(Conversion(path, None, NEW, "encrypt")).unlink()
    for file in path.parent.iterdir():
        held = file.read_bytes()
        assert WORDS.encode() not in held and b"CREATE TABLE" not in held
    refused = pytest.raises(sqlite3.DatabaseError, match="file is not a database")
    with closing(sqlite3.connect(path)) as without_key, refused:
        without_key.execute("SELECT * FROM person")
    connection = load_sqlcipher().connect(path)
    connection.set_key(NEW.reveal().encode())
    assert connection.execute("SELECT count(*) FROM person").fetchone() == (300,)
    connection.close()


async def test_conversion_includes_the_write_ahead_log_of_a_killed_server(path: Path) -> None:
    """The log is taken in, and none is left that another file would stumble over."""
    await fill(path, None, rows=3)
    running = plain(path)
    await running.start()
    await running.execute("INSERT INTO bare VALUES ('in the log')")
    copy = path.with_name("copy.db")
    for ending in ("", "-wal"):
        shutil.copy(f"{path}{ending}", f"{copy}{ending}")
    await running.stop()
    convert(Conversion(copy, None, NEW, "encrypt"))
    assert not Path(f"{copy}-wal").exists()
    held = await everything(copy, NEW)
    assert {"rowid": 3, "words": "in the log"} in held[2]  # type: ignore[operator]


@pytest.mark.parametrize("word", WAYS)
async def test_conversion_is_refused_while_a_server_has_the_file_open(
    path: Path, word: str
) -> None:
    old, new = WAYS[word]
    await fill(path, old, rows=3)
    running = at(path, old)
    await running.start()
    with pytest.raises(BadDatabase, match="is in use"):
        convert(Conversion(path, old, new, word))
    await running.execute("INSERT INTO bare VALUES ('still here')")
    await running.stop()
    assert backups_of(path) == []
    convert(Conversion(path, old, new, word))


SHELL = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT * FROM person").fetchone()
print("open", flush=True)
sys.stdin.readline()
"""


async def test_conversion_is_refused_while_another_program_has_the_file_open(path: Path) -> None:
    """One that knows nothing of our locks, such as a shell that is looking at nothing just now."""
    await fill(path, None, rows=3)
    shell = subprocess.Popen(
        [sys.executable, "-c", SHELL, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout and shell.stdout.readline() == "open\n"
    with pytest.raises(BadDatabase, match="is in use"):
        convert(Conversion(path, None, NEW, "encrypt"))
    shell.communicate("go\n")
    assert not is_encrypted(path)
    assert len(await everything(path, None)) == len(EVERYTHING)


async def test_database_cannot_be_opened_during_a_conversion(path: Path) -> None:
    await fill(path, None, rows=3)
    refused = []

    def look(stage: str) -> None:
        for opening in (lambda: at(path, None)._open(), lambda: at(path, NEW)._open()):
            with pytest.raises(BadDatabase, match="is being encrypted"):
                opening()
            refused.append(stage)

    convert(Conversion(path, None, NEW, "encrypt"), on_stage=look)
    assert len(refused) == 2 * len(STAGES) - 2
    await everything(path, NEW)


async def test_conversion_with_a_wrong_password_changes_nothing(path: Path) -> None:
    await fill(path, OLD, rows=3)
    before = path.read_bytes()
    with pytest.raises(BadDatabase, match="the password is wrong"):
        convert(Conversion(path, NEW, None, "decrypt"))
    assert path.read_bytes() == before
    assert sorted(f.name for f in path.parent.iterdir() if f.suffix != ".lock") == ["portico.db"]


async def test_conversion_needs_free_space_for_a_copy(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path, None, rows=3)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    with pytest.raises(BadDatabase, match="MiB free"):
        convert(Conversion(path, None, NEW, "encrypt"))
    assert not is_encrypted(path)


async def test_damaged_file_is_not_converted(path: Path) -> None:
    await fill(path, None)
    with path.open("rb+") as file:
        file.seek(4096 * 12)
        file.write(b"\xff" * 4096 * 8)
    with pytest.raises(BadDatabase):
        convert(Conversion(path, None, NEW, "encrypt"))
    assert not is_encrypted(path) and backups_of(path) == []


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("word", WAYS)
async def test_killed_conversion_leaves_one_complete_file(
    path: Path, word: str, stage: str, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    old, new = WAYS[word]
    await fill(path, old, rows=60)
    before = await everything(path, old)
    names = [secret.reveal() if secret else "" for secret in (old, new)]
    process = spawn("change", str(path), *names, stage)
    assert process.wait(30) == -9
    now = new if stage == "swapped" else old
    assert await everything(path, now) == before
    assert not list(path.parent.glob(".portico.db.draft*"))
    if now is old:
        convert(Conversion(path, old, new, word))
    assert await everything(path, new) == before
    assert len(backups_of(path)) == 1


async def test_conversion_by_root_keeps_the_owner(path: Path) -> None:
    await fill(path, None, rows=3)
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    for file in path.parent.glob("portico.db*"):
        os.chown(file, owner, -1)
    Path(f"{path}.lock").unlink()
    convert(Conversion(path, None, NEW, "encrypt"))
    assert {file.stat().st_uid for file in path.parent.glob("portico.db*")} == {owner}


async def test_plain_sqlite_opens_a_decrypted_file(path: Path) -> None:
    await fill(path, OLD, rows=3)
    connection = connect(path, OLD)
    assert connection.execute("SELECT count(*) FROM person").fetchone() == (3,)
    connection.close()
