"""The test kit: a pytest plugin with what Portico's own tests use, for the tests of any plugin.

    def test_echo_repeats(admin):
        assert admin.complete("echo", "hi") == "hi"

`app` is a complete application on a fresh database, in this process; `server` is the same as a real process with a
port; `cli` is the command line, in this process unless `cli.process` is called. All read `env`, a dictionary of
settings by environment name; override that fixture to change them. `client`, `admin` and `user` are clients of `app`,
plain and synchronous; `user.connect_socket()` opens a Socket.IO connection. No other module of Portico is imported
before a fixture needs it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from portico.testing.client import PASSWORD, Client, HTTPTransport, Transport
from portico.testing.command_line import CommandLine
from portico.testing.in_process import InProcessApp
from portico.testing.processes import ServerProcess, WorkerProcess
from portico.testing.response import Response
from portico.testing.socket_io import ConnectRefused, SocketIOClient
from portico.testing.websockets import HandshakeRefused, Socket, SocketClosed

__all__ = [
    "PASSWORD",
    "SECRET",
    "Client",
    "ConnectRefused",
    "CommandLine",
    "HTTPTransport",
    "HandshakeRefused",
    "InProcessApp",
    "Response",
    "ServerProcess",
    "Socket",
    "SocketClosed",
    "SocketIOClient",
    "Transport",
    "WorkerProcess",
    "settings_in",
]

SECRET = "a-secret-for-tests-only-0123456789abcdefghij"  # noqa: S105 - used in tests only


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Settings by environment name. Override it, or change the dictionary before `app` is used."""
    return settings_in(tmp_path)


def settings_in(folder: Path) -> dict[str, str]:
    """Return the settings of `env`, with the data in this folder: for a server that several tests share."""
    return {
        "DATA_DIR": str(folder / "data"),
        "WEBUI_SECRET_KEY": SECRET,
        "ENABLE_SIGNUP": "true",
        "DEFAULT_USER_ROLE": "user",
        "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
        # Tests do not survive a power cut, so they need not wait for the disk.
        "PORTICO_DATABASE_SQLITE_SYNCHRONOUS": "normal",
        "PORTICO_STRICT": "true",
    }


@pytest.fixture
def app(env: dict[str, str]) -> Iterator[InProcessApp]:
    """A complete application in this process, on a fresh database."""
    opened = InProcessApp(env)
    yield opened
    opened.close()


@pytest.fixture
def client(app: InProcessApp) -> Client:
    """A client that is not signed in."""
    return app.client


@pytest.fixture
def admin(client: Client) -> Client:
    """The first account, an administrator, signed in."""
    return client.sign_up("Ada")


@pytest.fixture
def user(admin: Client) -> Client:
    """A second account with the role `user`, signed in."""
    return admin.add_user("Ben")


@pytest.fixture
def server(env: dict[str, str], tmp_path: Path) -> Iterator[ServerProcess]:
    """A real server process with a port, already started."""
    process = ServerProcess(env, tmp_path).start()
    yield process
    process.kill()


@pytest.fixture
def cli(env: dict[str, str], tmp_path: Path) -> CommandLine:
    """The command line, with the settings and the data directory of this test."""
    return CommandLine(env, tmp_path)
