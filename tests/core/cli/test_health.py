"""`portico health`, the probe of containers and supervisors."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.testing import CommandLine, ServerProcess
from portico.testing.processes import bare_environment

HEAVY = ("litestar", "piccolo", "asyncpg", "engineio", "casbin", "portico_", "portico.boot")


def port_of(server: ServerProcess) -> str:
    return server.url.rpartition(":")[2]


@pytest.mark.slow
def test_health_follows_the_server(server: ServerProcess, cli: CommandLine) -> None:
    at = ("--port", port_of(server))
    assert cli.process("health", *at).stdout == f"The server at {server.url} answers.\n"
    assert cli("health", "--ready", *at).stdout == f"The server at {server.url} is ready.\n"
    server.kill()
    assert f"No server answers at {server.url}" in cli("health", *at, code=1).stderr


@pytest.mark.slow
def test_health_says_why_a_server_is_not_ready(
    server: ServerProcess, cli: CommandLine, env: dict[str, str]
) -> None:
    database = Path(env["DATA_DIR"]) / "portico.db"
    database.rename(database.with_name("moved.db"))
    at = ("--port", port_of(server))
    # The server has checked its file within the last quarter of a second, and does so again.
    deadline = time.monotonic() + 20
    while (said := cli("health", "--ready", *at, code=None)).returncode == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert said.returncode == 1 and "is not ready: database: " in said.stderr
    assert "answers" in cli("health", *at).stdout


def test_health_takes_one_question(cli: CommandLine) -> None:
    assert "give one of them" in cli("health", "--ready", "--worker", code=2).stderr


@pytest.mark.parametrize("host", ["a b", "é" * 80])
def test_health_says_that_a_host_is_no_name(host: str, cli: CommandLine) -> None:
    said = cli("health", "--host", host, code=1).stderr
    assert said == f"server.host is no host name: {host!r}.\n"


def test_health_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom portico.cli import main\ntry: main(['health', '--port', '1'])\n"
        "except SystemExit: pass\ntry: main(['health', '--worker'])\nexcept SystemExit: pass\n"
        f"print([name for name in sys.modules if name.startswith({HEAVY!r})])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=bare_environment(), capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr
