"""`server.unix_socket`: the server listens on a Unix socket instead of a TCP port."""

import os
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.database_templates import Templates
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.unix_server import UnixServer

from portico.errors import OperatorError
from portico.server.unix_socket import ListeningSocket, unix_socket_path
from portico.settings.load import load_settings
from portico.testing import CommandLine
from portico.web.middleware.proxies import Proxies, client_address, from_trusted_proxy


@pytest.fixture
def path() -> Iterator[Path]:
    # The directory of a test may have too long a path.
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "portico.sock")


def test_server_on_a_unix_socket_restarts_and_cleans_up(
    env: dict[str, str], tmp_path: Path, path: Path, templates: Templates, cli: CommandLine
) -> None:
    given = env | {"FORWARDED_ALLOW_IPS": "unix"}
    templates.create_for(given)
    server = UnixServer(given, tmp_path, path, count=2)
    try:
        server.start()
        assert server.url == f"unix:{path}" and "All clients count as one" not in server.log_text
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660
        at = ("--unix-socket", str(path))
        assert cli("health", "--ready", *at).stdout == f"The server at unix:{path} is ready.\n"
        with pytest.raises(OperatorError, match="a server listens there already"):
            ListeningSocket(path)
        # The address that the proxy reports is the client's.
        assert server.get("/api/v1/chats/", {"x-forwarded-for": "203.0.113.9"}) == 401
        refused = [line for line in server.log_text.splitlines() if "request refused" in line]
        assert '"client": "203.0.113.9"' in refused[-1]

        assert server.process is not None
        main = server.process.pid
        first = Path(f"/proc/{main}/task/{main}/children").read_text().split()[0]
        os.kill(int(first), signal.SIGKILL)
        assert {server.get("/health") for _ in range(12)} == {200}
        deadline = time.monotonic() + 30
        while server.log_text.count("Portico is ready") < 2:
            assert time.monotonic() < deadline, server.log_text
            time.sleep(0.02)

        # The main process alone: its server processes end by themselves, and leave the file.
        os.kill(main, signal.SIGKILL)
        server.process.wait()
        server.log.close()
        assert path.is_socket()
        server.count = 1
        server.start()
        assert server.get("/health") == 200
        assert server.stop() == 0
        assert not path.exists()
        gone = cli("health", *at, code=1).stderr
        assert gone == f"No server answers at unix:{path}: No such file or directory.\n"
    finally:
        server.kill()


def test_files_that_are_no_stale_sockets_stay(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(OperatorError, match="no socket"):
        ListeningSocket(path)
    assert path.read_text() == "mine"
    path.unlink()
    with pytest.raises(OperatorError, match="there is no directory"):
        ListeningSocket(path / "deeper.sock")
    with pytest.raises(OperatorError, match="at most 103 bytes"):
        ListeningSocket(path.with_name("x" * 120))

    stale = ListeningSocket(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
    with socket.socket(socket.AF_UNIX) as own:
        with stale.claimed():
            assert not path.exists()
            own.bind(str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        own.listen()
        path.rename(path.with_name("moved"))
        path.write_text("of another server")
        stale.remove()
        assert path.exists()
    path.unlink()


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        ({}, {}, None),
        ({"PORTICO_UNIX_SOCKET": "/s"}, {}, "/s"),
        ({}, {"PORTICO_UNIX_SOCKET": "/s"}, "/s"),
        ({"PORTICO_UNIX_SOCKET": "/s"}, {"HOST": "0.0.0.0", "PORT": "80"}, "/s"),
        ({"PORT": "80"}, {"PORTICO_UNIX_SOCKET": "/s"}, None),
        ({}, {"PORTICO_UNIX_SOCKET": "/s", "PORT": "80"}, "server.port (environment PORT)"),
        ({"PORTICO_UNIX_SOCKET": "/s", "HOST": "::1"}, {}, "server.host (command line HOST)"),
    ],
)
def test_unix_socket_excludes_host_and_port(
    options: dict[str, str], variables: dict[str, str], expected: str | None
) -> None:
    loaded = load_settings(variables, overrides=options)
    if expected and "(" in expected:
        with pytest.raises(OperatorError) as refused:
            unix_socket_path(loaded)
        assert expected in str(refused.value) and "exclude each other" in str(refused.value)
    else:
        assert unix_socket_path(loaded) == (Path(expected) if expected else None)


@pytest.mark.parametrize(
    ("trusted", "peer", "client"),
    [
        (["unix"], "", "203.0.113.9"),
        (["10.0.0.0/8"], "", "unix"),
        ([], "", "unix"),
        (["unix"], "10.0.0.1", "10.0.0.1"),
        (["unix", "10.0.0.0/8"], "10.0.0.1", "203.0.113.9"),
    ],
)
def test_peer_of_a_unix_socket_is_trusted_by_name_only(
    trusted: list[str], peer: str, client: str
) -> None:
    scope = {
        "type": "http",
        "scheme": "http",
        "client": (peer, "0"),
        "headers": [(b"host", b"x"), (b"x-forwarded-for", b"203.0.113.9")],
    }
    Proxies(trusted).apply(scope)  # type: ignore[arg-type]
    assert client_address(scope) == client
    assert from_trusted_proxy(scope) is (client == "203.0.113.9")
    assert scope["headers"] == [(b"host", b"x")]
