"""The test kit: a pytest plugin with what Portico's own tests use, for the tests of any plugin.

    def test_echo_repeats(admin):
        assert admin.ask("echo", "hi") == "hi"

`house` is a whole application on a fresh database, in this process; `server` is the same as a real process behind a
real port; `portico` is the command line, in this process unless `portico.process` is called. All read `environment`, a dictionary of settings by environment name;
override that fixture to change them. Clients are plain and synchronous. Nothing of Portico is imported before a
fixture asks for it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from portico.testing.client import PASSWORD, Client, HTTPTransport, Transport
from portico.testing.command_line import CommandLine
from portico.testing.in_process import InProcessApp
from portico.testing.processes import Server
from portico.testing.response import Response
from portico.testing.websockets import HandshakeRefused, Socket, SocketClosed

__all__ = [
    "PASSWORD",
    "SECRET",
    "Client",
    "CommandLine",
    "HTTPTransport",
    "HandshakeRefused",
    "InProcessApp",
    "Response",
    "Server",
    "Socket",
    "SocketClosed",
    "Transport",
]

SECRET = "a-secret-for-tests-only-0123456789abcdefghij"  # noqa: S105 - signs nothing real


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Settings by environment name. Override it, or change the dictionary before asking for `house`."""
    return {
        "DATA_DIR": str(tmp_path / "data"),
        "WEBUI_SECRET_KEY": SECRET,
        "ENABLE_SIGNUP": "true",
        "DEFAULT_USER_ROLE": "user",
        "PORTICO_IDENTITY_PASSWORD_ROUNDS": "4",
        # No test cuts the power, so none waits for the disk.
        "PORTICO_DATABASE_SQLITE_SYNCHRONOUS": "normal",
        "PORTICO_STRICT": "true",
    }


@pytest.fixture
def app(env: dict[str, str]) -> Iterator[InProcessApp]:
    """A whole application in this process, on a fresh database."""
    opened = InProcessApp(env)
    yield opened
    opened.close()


@pytest.fixture
def client(app: InProcessApp) -> Client:
    """Somebody who is not signed in."""
    return app.client


@pytest.fixture
def admin(client: Client) -> Client:
    """The first account of the house, signed in."""
    return client.sign_up("Ada")


@pytest.fixture
def user(admin: Client) -> Client:
    """An ordinary account, signed in."""
    return admin.add_user("Ben")


@pytest.fixture
def server(env: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    """A real process behind a real port; started already."""
    process = Server(env, tmp_path).start()
    yield process
    process.kill()


@pytest.fixture
def cli(env: dict[str, str], tmp_path: Path) -> CommandLine:
    """The command line, with the settings and the data of this test."""
    return CommandLine(env, tmp_path)
