"""Sockets of a real server: a client that stops reading, and a server that stops."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portico.testing import Client, ServerProcess

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),  # nothing of it is about it
]
PLUGIN = """
    import asyncio
    from portico.api import PluginInfo, hookimpl
    from portico.api.sockets import SocketEvent

    PLUGIN = PluginInfo(api_version=1, summary="Floods.")

    class Flood:
        def __init__(self, app):
            self.sockets = app.sockets

        async def flood(self, socket, account_id):
            for number in range(300):
                self.sockets.emit_to_account(account_id, "events", "x" * 500_000)
                await asyncio.sleep(0)

        async def whole_texts(self, socket, account_id):
            for number in range(1000):
                self.sockets.emit_to_account(account_id, "events", "x" * 200_000, replaces="r")
                await asyncio.sleep(0)

    @hookimpl
    def register_components(app):
        return Flood(app)

    @hookimpl
    def register_socket_events(plugin):
        return [
            SocketEvent("live:flood", str, plugin.flood),
            SocketEvent("live:texts", str, plugin.whole_texts),
        ]
"""
#: Seconds that something may take which happens at once; more is a hang.
HANG = 20


@pytest.fixture
def env(env: dict[str, str], install: Callable[..., None], tmp_path: Path) -> dict[str, str]:
    install("live", PLUGIN)
    return env | {
        "PYTHONPATH": str(tmp_path / "site"),
        "PORTICO_SERVER_DRAIN_DELAY": "0",
        "PORTICO_SERVER_SHUTDOWN_TIMEOUT": "120",
        "PORTICO_SOCKETS_HANDLER_TIMEOUT": "60",
    }


def memory_of(server: ServerProcess) -> int:
    """Return the resident megabytes of the worker."""
    assert server.process is not None
    main = server.process.pid
    worker = Path(f"/proc/{main}/task/{main}/children").read_text().split()[0]
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


def closed_for_slowness(server: ServerProcess) -> int:
    """Return how many sockets the log reports; equal lines that follow each other are one with a count."""
    events = [json.loads(line) for line in server.log_text.splitlines() if "slow socket" in line]
    return sum(one.get("count", 1) for one in events)


def test_client_that_stops_reading_is_closed_and_memory_stays_flat(server: ServerProcess) -> None:
    admin = server.client.sign_up("Ada")
    slow = admin.add_user("Ben")
    with admin.connect_socket() as other_socket:
        other_socket.call("heartbeat", {})
        before = memory_of(server)
        stalled = [slow.connect_socket() for _ in range(3)]
        polling = slow.connect_socket(transport="polling")
        assert other_socket.call("live:flood", slow.account["id"]) is None
        deadline = time.monotonic() + HANG
        while closed_for_slowness(server) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert memory_of(server) - before < 150
        for socket in (*stalled, polling):
            socket.wait_until_closed()
        assert other_socket.call("heartbeat", {}) is None
        assert other_socket.events() == []


def test_whole_texts_do_not_close_a_client_that_stops_reading(server: ServerProcess) -> None:
    admin = server.client.sign_up("Ada")
    slow = admin.add_user("Ben")
    with admin.connect_socket() as other_socket, slow.connect_socket() as stalled:
        assert other_socket.call("live:texts", slow.account["id"]) is None
        assert stalled.call("heartbeat", {}) is None
        assert closed_for_slowness(server) == 0


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_server_with_open_sockets_stops_at_once(server: ServerProcess, transport: str) -> None:
    admin = server.client.sign_up("Ada")
    sockets = [admin.connect_socket(transport=transport) for _ in range(3)]  # type: ignore[arg-type]
    anonymous = Client(admin.transport).connect_socket(None)
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(one.wait_until_closed) for one in (*sockets, anonymous)]
        assert server.stop(timeout=HANG) == 0
        assert all(one.result(HANG) for one in waiting)
