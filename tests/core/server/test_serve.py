"""The ready line, and errors at the start of the server."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portico.errors import Unavailable
from portico.server import serve, server_process
from portico.server.serve import CannotServe
from portico.server.server_process import Listens, ServedApplication
from portico.settings.server import ServerSettings
from portico.web.middleware.tcp_sockets import is_listening

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Start:
    """Records the result of a start."""

    ready_text = ""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def ready(self, text: str) -> None:
        self.ready_text = text

    def fail(self, reasons: list[str]) -> None:
        self.reasons = reasons


class Application:
    """An application whose database is unavailable."""

    async def has_accounts(self) -> bool:
        raise Unavailable


class FakePortico:
    """The ASGI application around `Application`."""

    application = Application()


def ready(start: Any, port: int) -> ServedApplication:
    lifecycle: Any = None
    listens = Listens("127.0.0.1", port)
    return ServedApplication(FakePortico(), ServerSettings(), listens, start, lifecycle)


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("::1", "::1"), ("::", "::"), ("0.0.0.0", "0.0.0.0")],
)
def test_host_name_is_resolved_to_its_address(host: str, address: str) -> None:
    found, port = serve._bindable(ServerSettings(host=host, port=0))
    assert found == address
    assert port > 0


@pytest.mark.parametrize(
    "host", ["256.1.1.1", "nosuch.invalid", "192.0.2.1", "fe80::1", "a" * 300, "x..y"]
)
@pytest.mark.parametrize("port", [0, 48123])
def test_unusable_address_is_refused_with_advice(host: str, port: int) -> None:
    with pytest.raises(CannotServe, match="cannot listen on .*Choose another with --port or"):
        serve._bindable(ServerSettings(host=host, port=port))


async def test_unreachable_port_fails_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_process, "REACHABLE_TIMEOUT_SECONDS", 0.05)
    start = Start()
    with socket.socket() as unused:  # bound, so that no other process listens there
        unused.bind(("127.0.0.1", 0))
        await ready(start, unused.getsockname()[1])._report_ready()
    assert not start.ready_text
    assert "127.0.0.1 cannot be reached there from this machine" in start.reasons[0]


async def test_ready_line_is_reported_without_database() -> None:
    start = Start()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await ready(start, listening.getsockname()[1])._report_ready()
    assert "Portico is ready at http://127.0.0.1:" in start.ready_text


def test_start_waits_for_the_port_of_a_server_that_is_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(serve.time, "sleep", lambda _seconds: other.close())
        assert serve._bindable(ServerSettings(port=port)) == ("127.0.0.1", port)


def test_search_for_a_listening_socket_leaves_no_handle_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, open("/dev/null", "rb"):
        before = len(os.listdir("/dev/fd"))
        for _ in range(3):
            assert is_listening(listening.getsockname()[1])
            assert not is_listening(1)
        assert len(os.listdir("/dev/fd")) == before


def test_search_for_a_listening_socket_keeps_the_locks_on_files(tmp_path: Path) -> None:
    script = (
        "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    path = tmp_path / "locked"
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert not is_listening(1)
        command = [sys.executable, "-c", script, str(path)]
        assert b"BlockingIOError" in subprocess.run(command, capture_output=True).stderr
