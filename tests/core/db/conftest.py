"""Every test that asks for `database` runs on SQLite, plain and encrypted, and on PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.engines import PASSWORD, SWITCH, settings
from tests.forked_processes import popen
from tests.servers import fresh_database

from portico.db import Database, new_id, open_database
from portico.settings.section import Secret
from portico.testing.processes import bare_environment


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/portico.db"


@pytest.fixture
def sqlcipher_url(tmp_path: Path) -> str:
    return f"sqlite+sqlcipher://{tmp_path}/portico.db"


@pytest.fixture(params=["plain", "encrypted"])
def password(request: pytest.FixtureRequest) -> Secret | None:
    """Of a SQLite file that is made by hand."""
    return Secret(PASSWORD) if request.param == "encrypted" else None


@pytest.fixture(params=["sqlite", "sqlcipher", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
async def database(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(settings(url, pool_size=4, pool_timeout=5.0), tmp_path)
    await database.start()
    await database.execute("CREATE TABLE note (id TEXT PRIMARY KEY, title TEXT NOT NULL UNIQUE)")
    yield database
    await database.stop()


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `processes.py` with these arguments; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def spawn(*args: str, path: str = "") -> subprocess.Popen[str]:
        root = Path(__file__).parents[3]
        search = os.pathsep.join([path, str(root), *sys.path])
        process = popen(
            [sys.executable, "-m", "tests.core.db.processes", *args],
            cwd=root,
            env={**bare_environment(), "PYTHONPATH": search, **SWITCH},
        )
        started.append(process)
        return process

    yield spawn
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], str]:
    """Makes an importable package of these files and returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def package(files: dict[str, str]) -> str:
        name = f"made_{new_id().replace('-', '')}"
        (tmp_path / name).mkdir()
        for file, text in {"__init__.py": "", **files}.items():
            (tmp_path / name / file).write_text(text)
        return name

    return package
