"""A copy of an SQLite file: consistent while others write, encrypted as the original, and gone when it is closed."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.engines import PASSWORD, connect

from portico.db import Database, execute, fetch_all, open_database, transaction
from portico.db.sqlite import file_copy
from portico.errors import InvalidRequest
from portico.settings.database import DatabaseSettings
from portico.settings.section import Secret

pytestmark = pytest.mark.anyio
KINDS = ("sqlite", "sqlite+sqlcipher")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"{request.param}:///{tmp_path / 'a.db'}"
    password = Secret(PASSWORD) if request.param != "sqlite" else Secret()
    opened = open_database(DatabaseSettings(url=url, password=password), tmp_path)
    await opened.start()
    with opened.use():
        await execute("CREATE TABLE pots (name TEXT PRIMARY KEY, coins BIGINT, filler TEXT)")
        await execute("INSERT INTO pots VALUES ('a', 1000, ''), ('b', 0, '')")
        for number in range(200):
            await execute("INSERT INTO pots VALUES ($1, 0, $2)", f"n{number}", "x" * 10_000)
        yield opened
    await opened.stop()


def left_over(directory: Path) -> list[str]:
    return [one.name for one in directory.iterdir() if ".copy-" in one.name]


async def test_copy_made_beside_writers_is_consistent_and_has_no_name(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    copying, moved = True, 0

    async def move_coins() -> None:
        nonlocal moved
        while copying:
            async with transaction():
                await execute("UPDATE pots SET coins = coins - 1 WHERE name = 'a'")
                await execute("UPDATE pots SET coins = coins + 1 WHERE name = 'b'")
            moved += 1
            await asyncio.sleep(0)

    writer = asyncio.create_task(move_coins())
    copies = [await database.open_copy() for _ in range(3)]
    copying = False
    await writer
    assert moved > 0 and left_over(tmp_path) == []
    encrypted = "sqlcipher" in request.node.callspec.id
    for number, copy in enumerate(copies):
        path = tmp_path / f"downloaded-{number}.db"
        path.write_bytes(copy.read())
        copy.close()
        assert path.read_bytes().startswith(b"SQLite format 3") is not encrypted
        other = connect(path, Secret(PASSWORD) if encrypted else None)
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert other.execute("SELECT sum(coins), count(*) FROM pots").fetchone() == (1000, 202)
        other.close()
    assert (await fetch_all("SELECT sum(coins) AS n FROM pots"))[0]["n"] == 1000


async def test_copy_that_is_cancelled_or_fails_leaves_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = asyncio.create_task(database.open_copy())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    old = tmp_path / ".a.db.copy-old"
    old.write_bytes(b"of a process that was killed")
    os.utime(old, (0, time.time() - 7 * 3600))
    monkeypatch.setattr(file_copy, "FREE_BYTES", 2**62)
    with pytest.raises(InvalidRequest, match="free space"):
        await database.open_copy()
    while left_over(tmp_path):  # the cancelled one ends in its thread
        await asyncio.sleep(0.01)
