"""PgBouncer before a PostgreSQL server: an installed one, else from Debian's package.

Without one, the tests that need it are skipped, and the summary of the run says so in capital letters. With
TEST_POOLER=pgbouncer, all applications of the tests reach PostgreSQL through it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwuid
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.debian_programs import Installed, find_program
from tests.redis_server import free_port
from tests.skipped_dependencies import NO_PGBOUNCER

#: The Debian packages of the program and of its libraries that a minimal system lacks.
PACKAGES = ("pgbouncer", "libc-ares2", "libcares2", "libevent-2.1-7", "libevent-2.1-7t64")
POOL_SIZE = 5
#: `auth_type = any` lets everyone in, as the user that is configured for the database.
CONFIGURATION = """
[databases]
* = {server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 500
max_db_connections = {pool_size}
server_idle_timeout = 60
logfile = {home}/log
pidfile = {home}/pid
{more}
"""


@contextmanager
def running_pgbouncer(
    program: Installed, server_url: str, more: str = "", port: int | None = None
) -> Iterator[int]:
    """Run it in transaction mode with five connections to each database, and yield its port.

    `more`: further lines of its configuration.
    """
    home = Path(tempfile.mkdtemp(prefix="portico-pgbouncer-"))
    port, server = port or free_port(), _server(server_url)
    file = home / "pgbouncer.ini"
    where = " ".join(f"{name}={value}" for name, value in server.items())
    file.write_text(
        CONFIGURATION.format(server=where, port=port, home=home, pool_size=POOL_SIZE, more=more)
    )
    as_user = []
    if os.geteuid() == 0:  # it does not run as root
        folder = Path(server["host"])
        user = folder.owner() if folder.is_dir() else getpwuid(65534).pw_name
        shutil.chown(home, user)
        as_user = ["-u", user]
    with subprocess.Popen(
        [program.program, "-q", *as_user, file], env=program.environment
    ) as process:
        try:
            while not _listens(port):
                assert process.poll() is None, (home / "log").read_text()
                time.sleep(0.02)
            yield port
        finally:
            process.kill()
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def pgbouncer_program(pytestconfig: pytest.Config) -> Installed:
    """The program. Skips the test if there is none."""
    assert pytestconfig.cache is not None
    found = find_program("pgbouncer", PACKAGES, pytestconfig.cache.mkdir("pgbouncer"))
    if found is None or not _runs(found):
        pytest.skip(NO_PGBOUNCER)
    return found


@pytest.fixture(scope="session")
def pgbouncer(pgbouncer_program: Installed, postgres: str) -> Iterator[int]:
    """The port of a PgBouncer before the PostgreSQL of the tests."""
    with running_pgbouncer(pgbouncer_program, postgres) as port:
        yield port


def seen_by_applications(url: str, request: pytest.FixtureRequest) -> str:
    """Return the URL by which applications reach a database: through PgBouncer, if all are to use it."""
    if os.environ.get("TEST_POOLER") != "pgbouncer":  # noqa: TID251 - a choice of the tests
        return url
    return through(request.getfixturevalue("pgbouncer"), url)


def through(port: int, url: str) -> str:
    """Return the URL of a database of the server behind the PgBouncer at this port."""
    return f"postgresql://postgres@127.0.0.1:{port}{urlsplit(url).path}"


def _server(url: str) -> dict[str, str]:
    """Return where the server of a URL is, as PgBouncer reads it."""
    parts = urlsplit(url)
    found = {
        "host": parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0],
        "port": str(parts.port or 5432),
        "user": parts.username or "postgres",
        "password": parts.password or "",
    }
    return {name: value for name, value in found.items() if value}


def _runs(found: Installed) -> bool:
    done = subprocess.run(
        [found.program, "--version"], env=found.environment, capture_output=True, check=False
    )
    return b"PgBouncer" in done.stdout


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
