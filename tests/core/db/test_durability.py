"""An acknowledged write is there, whatever happens next (FT-01)."""

import asyncio
import random
import subprocess
from collections.abc import Callable

import pytest

from portico.db import Database

pytestmark = pytest.mark.anyio
KILLS = 5


@pytest.mark.case("FT-01")
async def test_acknowledged_rows_survive_a_kill(
    database: Database, url: str, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    chance = random.Random(1)
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        child = spawn("write", url, f"kill{kill}", "20")
        assert child.stdout is not None
        for _ in range(chance.randrange(1, 300)):
            acknowledged.add((await asyncio.to_thread(child.stdout.readline)).strip())
        child.kill()
        rest = child.stdout.read().splitlines(keepends=True)
        acknowledged.update(line.strip() for line in rest if line.endswith("\n"))
        child.wait()
    there = {row["id"]: row["title"] for row in await database.rows("SELECT id, title FROM note")}
    assert acknowledged <= there.keys()
    assert all(title == name for name, title in there.items())  # no half-done transaction
    assert {name.partition("-")[0] for name in acknowledged} == {f"kill{n}" for n in range(KILLS)}
