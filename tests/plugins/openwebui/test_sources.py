"""How a source is opened: read-only, in every state of the file; what is refused, and with which sentence."""

import asyncio
import os
import shutil
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from tests.openwebui import MadeUpInstance, write_sqlite
from tests.openwebui.reading import read_database

from portico.api import OperatorError
from portico.db.sqlite.cipher import load_sqlcipher
from portico_openwebui.databases.source_url import PostgresSource, has_password, read_source
from portico_openwebui.revisions import recognise
from portico_openwebui.upload_directory import UploadDirectory

MADE = MadeUpInstance("0.6.41", chats=3, messages=9)


def state_of(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


@pytest.mark.parametrize("is_wal", [False, True], ids=["journal", "wal"])
def test_nothing_is_created_beside_a_source(is_wal: bool, tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "web ui?#.db", MADE, is_wal=is_wal)
    before = state_of(tmp_path)
    tmp_path.chmod(0o555)
    try:
        assert len(read_database(path).records["chats"]) == MADE.chats
    finally:
        tmp_path.chmod(0o755)
    assert state_of(tmp_path) == before


@pytest.mark.parametrize("is_wal", [False, True], ids=["journal", "wal"])
def test_a_source_in_use_is_read_with_what_is_committed(is_wal: bool, tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "webui.db", MADE, is_wal=is_wal)
    with closing(sqlite3.connect(path, isolation_level=None)) as server:
        server.execute("INSERT INTO memory (id, user_id, content) VALUES ('committed', 'u', 'c')")
        server.execute("BEGIN IMMEDIATE")
        server.execute("INSERT INTO memory (id, user_id, content) VALUES ('pending', 'u', 'c')")
        memories = read_database(path).by_id("memories")
        server.execute("COMMIT")
    assert "committed" in memories
    assert "pending" not in memories


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_source_that_a_killed_server_left_is_read_in_a_copy(mode: str, tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "running.db", MADE, is_wal=mode == "wal")
    left = tmp_path / "left"
    left.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as server:
        server.execute("PRAGMA cache_size = 1")
        server.execute("INSERT INTO memory (id, user_id, content) VALUES ('committed', 'u', 'c')")
        server.execute("BEGIN")
        server.execute("UPDATE memory SET content = content || randomblob(99999)")
        server.execute("UPDATE chat SET title = title || hex(randomblob(9999))")
        for suffix in ("", "-wal", "-journal"):
            with_suffix = path.with_name(path.name + suffix)
            if with_suffix.exists():
                shutil.copyfile(with_suffix, left / f"webui.db{suffix}")
        server.execute("ROLLBACK")
    before = state_of(left)
    assert len(before) == 2
    read = read_database(left / "webui.db")
    assert read.by_id("memories")["committed"]["content"] == "c"
    assert {one["title"] for one in read.records["chats"]} == {MADE.title(one) for one in range(3)}
    assert state_of(left) == before


def test_files_that_are_no_database_are_refused(tmp_path: Path) -> None:
    encrypted = tmp_path / "encrypted.db"
    with closing(load_sqlcipher().connect(encrypted)) as connection:
        connection.execute("PRAGMA key = 'k'")
        connection.execute("CREATE TABLE t (a)")
    (tmp_path / "empty.db").touch()
    damaged = write_sqlite(tmp_path / "damaged.db", MADE)
    damaged.write_bytes(damaged.read_bytes()[:5_000] + os.urandom(50_000))
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (a)")
    os.mkfifo(tmp_path / "pipe.db")
    for name, word in {
        "encrypted.db": "SQLCipher",
        "pipe.db": "no regular file",
        "empty.db": "is empty",
        "": "is a directory",
        "missing.db": "cannot be opened",
        "damaged.db": "cannot be read",
        "other.db": "no database of Open WebUI",
    }.items():
        with pytest.raises(OperatorError, match=word):
            read_database(tmp_path / name)
    assert not (tmp_path / "missing.db").exists()


def test_other_versions_are_refused_by_name() -> None:
    assert recognise(["37f288994c47"]) == "between 0.6.30 and 0.6.41"
    for heads, words in (
        (["3af16a1c9fb6"], "3af16a1c9fb6 .* before 0.6.30.* upgrade Open WebUI first"),
        (["ffffffffffff"], "'ffffffffffff' is unknown.* upgrade Portico"),
        ([], "none"),
        (["0bd252b206fb", "3e0e00844bb0"], "0bd252b206fb.*3e0e00844bb0"),
        (["x" * 9999], "^.{0,300}$"),
    ):
        with pytest.raises(OperatorError, match=words):
            recognise(heads)


def test_release_without_migrations_of_today_is_refused(tmp_path: Path) -> None:
    path = write_sqlite(tmp_path / "webui.db", MADE)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE alembic_version")
    with pytest.raises(OperatorError, match=r"before 0\.6\.30"):
        read_database(path)


def test_password_of_a_url_is_in_no_message() -> None:
    secret = "s3cr3t%40word"
    for url in (
        f"postgresql://ada:{secret}@127.0.0.1:1/webui",
        f"postgresql+psycopg2://ada@127.0.0.1:1/webui?password={secret}",
        f"postgresql://ada:{secret}@127.0.0.1:no/webui",
        f"postgresql://ada:{secret}@[/webui",
        f"mysql://ada:{secret}@127.0.0.1/webui",
    ):
        assert has_password(url)
        with pytest.raises(OperatorError) as raised:
            read_database(url)
        said = "".join(traceback.format_exception(raised.value))
        assert "s3cr3t" not in said
    assert not has_password("postgresql://ada@db/webui?schema=x") and not has_password("a:b@c.db")
    found = read_source(f"postgresql://ada:{secret}@db:5433/webui?schema=x&sslmode=require", "f")
    assert isinstance(found, PostgresSource)
    assert (found.password, found.schema) == ("f", "x")
    assert "s3cr3t" not in repr(found)
    assert found.url == "postgresql://ada@db:5433/webui?sslmode=require"
    assert read_source("sqlite:////data/webui.db") == Path("/data/webui.db")


def test_only_regular_files_of_the_directory_are_opened(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / "a_note.txt").write_bytes(b"content")
    (tmp_path / "secret.txt").write_bytes(b"outside")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")

    async def content(name: str) -> bytes | None:
        blocks = await UploadDirectory(folder).open(name)
        return None if blocks is None else b"".join([block async for block in blocks])

    for name in (
        "a_note.txt",
        "/app/backend/data/uploads/a_note.txt",
        "s3://bucket/x/a_note.txt",
        r"C:\d\a_note.txt",
    ):
        assert asyncio.run(content(name)) == b"content"
    for name in (
        "",
        ".",
        "..",
        "../secret.txt",
        "link.txt",
        "folder",
        "pipe",
        "a\0",
        "x" * 999,
        "/a_note.txt/",
    ):
        assert asyncio.run(content(name)) is None, name
