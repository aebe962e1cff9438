"""Recording what the product sends to its database while the tests run, one normalised statement a line.

Statements that differ in nothing but the number of their values are one: the shortest is kept. What tests and migrations
send themselves is left out.
"""

import fcntl
import functools
import os
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from portico.db.database import Database
from portico.db.postgres.database import Postgres
from portico.db.sqlite.database import SQLite

#: Path of the files without their ending, such as tests/upgrade/statements/0002_words; empty = nothing is recorded.
PLACE = os.environ.get("RECORD_STATEMENTS", "")  # noqa: TID251 - a choice of the tests
ROOT = Path(__file__).parents[2]
_KEPT = re.compile(r"^(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*")
_VALUES = re.compile(
    r"(\([^()]*\$\d+[^()]*\)|\$\d+|CAST\(\$\d+ AS \w+\))(, (\([^()]*\$\d+[^()]*\)|\$\d+|CAST\(\$\d+ AS \w+\)))*"
)
_PASSED = ("/portico/db/", "/piccolo/", "/asyncio/", "/contextlib.py", "/anyio/", __file__)
#: Tables that only tests have.
_OF_TESTS = re.compile(r'\bnote_note\b|"shelf"|"numbered"')
_MIGRATING = ("/portico/db/migrate.py", "/portico/db/migration_files.py")

seen: dict[str, dict[str, str]] = {"sqlite": {}, "postgres": {}}


def normalised(sql: str) -> str:
    """On one line, without comments."""
    return " ".join(_COMMENT.sub("", sql).split()).rstrip("; ")


def shape(sql: str) -> str:
    """The same for statements that differ in the number of their values only."""
    return re.sub(r"\$\d+", "$", _VALUES.sub("$", sql))


def add(found: dict[str, str], sql: str) -> None:
    """Keep a statement, unless a shorter one of its shape is there."""
    text = normalised(sql)
    if not _KEPT.match(text) or _OF_TESTS.search(text):
        return
    held = found.get(shape(text))
    if held is None or (len(text), text) < (len(held), held):
        found[shape(text)] = text


def record() -> None:
    """From now on, statements of the product are kept."""
    for kind in (SQLite, Postgres):
        for name in ("rows", "execute", "scan"):
            if name in vars(kind):
                setattr(kind, name, _recording(getattr(kind, name)))


def _recording(real: Any) -> Any:
    @functools.wraps(real)
    async def recorded(self: Database, sql: str, *args: Any) -> Any:
        if _is_ours(sys._getframe(1)):
            add(seen[self.dialect], sql)
        return await real(self, sql, *args)

    return recorded


def _is_ours(frame: FrameType | None) -> bool:
    """Whether the product, outside its migrations and its database layer, is what asked."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.endswith(_MIGRATING):
            return False
        if not any(part in file for part in _PASSED):
            return (
                file.startswith((f"{ROOT}/core/", f"{ROOT}/plugins/"))
                and "/migrations/" not in file
            )
        frame = frame.f_back
    return False


def write(place: Path) -> None:
    """Add what was seen to the files of a landing. Several workers may do so at once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    for dialect, found in seen.items():
        with Path(f"{place}.{dialect}.sql").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            together = dict(found)
            for line in file.read().splitlines():
                add(together, line)
            file.truncate(0)
            file.write("".join(f"{text}\n" for text in sorted(together.values())))


def pytest_configure(config: pytest.Config) -> None:
    if PLACE:
        record()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """A run that is broken off has recorded what it saw."""
    if PLACE and any(seen.values()):
        write(ROOT / PLACE)
        for found in seen.values():
            found.clear()
