"""The log of a real server that is not read, and that clients try to fill."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.forked_processes import popen

from portico.testing import Client, HTTPTransport
from portico.testing.processes import bare_environment

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),  # nothing of it is about it
]


class Piped:
    """A server whose output goes into one pipe."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        self.reads, self.writes = os.pipe()
        self.process = popen(
            [sys.executable, "-m", "portico", "serve", "--port", "0"],
            env={**bare_environment(), **environment},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=self.writes,
            stderr=self.writes,
        )
        said = b""
        while b"Portico is ready at " not in said or not said.endswith(b"\n"):
            said += os.read(self.reads, 65536)
        self.client = Client(
            HTTPTransport(said.split(b"Portico is ready at ", 1)[1].split()[0].decode())
        )

    def fill(self) -> None:
        """Leave no room in the pipe."""
        own = os.open(f"/proc/self/fd/{self.writes}", os.O_WRONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(own, b"\n" * 4096)
        os.close(own)

    def rest(self) -> list[dict[str, Any]]:
        """What it still says until its end; each line is one event."""
        os.close(self.writes)
        with open(self.reads, closefd=False, encoding="utf-8") as said:
            return [json.loads(line) for line in said.read().splitlines() if line]


@pytest.fixture
def piped(env: dict[str, str], tmp_path: Path) -> Iterator[Piped]:
    server = Piped(env, tmp_path)
    yield server
    server.process.kill()
    server.process.wait()
    os.close(server.reads)


def test_server_answers_while_its_log_is_not_read(
    piped: Piped,
) -> None:
    piped.fill()
    guessing = Client(piped.client.transport, "no.such.token")
    for _ in range(300):
        assert guessing.get("/api/v1/auths/").status == 401
    assert piped.client.get("/health").status == 200
    piped.process.terminate()
    events = piped.rest()
    assert piped.process.wait(30) == 0
    refused = [event for event in events if event["event"] == "request refused"]
    assert sum(event.get("count", 1) for event in refused) == 300
    assert len(refused) < 100
    assert {event["client"] for event in refused} == {"127.0.0.1"}
    assert all(event["first"] <= event["last"] for event in refused if "count" in event)


def test_printing_plugin_does_not_block_when_stdout_is_not_read(
    env: dict[str, str], tmp_path: Path, install: Any
) -> None:
    install(
        "printing",
        """
        from portico.api import PluginInfo, hookimpl
        from portico.api.web import get
        PLUGIN = PluginInfo(summary="prints", api_version=1)

        @get("/api/x/printing/", access="public")
        async def printing() -> dict[str, int]:
            print("x" * 200_000)
            return {}

        @hookimpl
        def register_routes():
            return [printing]
        """,
    )
    site = str(tmp_path / "site")
    server = Piped(env | {"PYTHONPATH": site}, tmp_path)
    try:
        for _ in range(20):
            assert server.client.get("/api/x/printing/").status == 200
    finally:
        server.process.kill()
        server.process.wait()
        os.close(server.reads)
        os.close(server.writes)
