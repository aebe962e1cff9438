"""The ready line, or why there is none."""

import socket
from typing import Any

import pytest

from portico.errors import Unavailable
from portico.server import serve
from portico.server.serve import Ready
from portico.settings.server import ServerSettings

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Start:
    """Notes what a start comes to."""

    is_ready = False

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def ready(self) -> None:
        self.is_ready = True

    def refuse(self, reasons: list[str]) -> None:
        self.reasons = reasons


class Application:
    """One whose database went away just now."""

    async def anybody_here(self) -> bool:
        raise Unavailable


def ready(start: Any, port: int) -> Ready:
    life: Any = None
    return Ready(Application(), ServerSettings(), port, start, life)


async def test_a_port_that_cannot_be_reached_fails_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "REACHABLE_SECONDS", 0.05)
    start = Start()
    with socket.socket() as nobody:  # bound, so that nobody else listens there
        nobody.bind(("127.0.0.1", 0))
        await ready(start, nobody.getsockname()[1])._greet()
    assert not start.is_ready
    assert "127.0.0.1 cannot be reached there from this machine" in start.reasons[0]


async def test_the_ready_line_comes_although_the_database_has_gone_meanwhile(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = Start()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await ready(start, listening.getsockname()[1])._greet()
    assert start.is_ready
    assert "Portico is ready at http://127.0.0.1:" in capsys.readouterr().err
