"""Many sockets on one process, beside a bare python-socketio server that does the same.

    .venv/bin/python -m tests.benchmarks.sockets [--sockets 2000] [--rounds 20]

Both run under granian in a process of their own, with all sockets in one room. Kilobytes per socket, milliseconds until an
event to all has arrived at the last socket, microseconds of CPU per delivered event, and CPU while nothing happens.
"""

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click
from tests.redis_server import free_port

from portico.testing import SECRET, ServerProcess

PLUGIN = """
import msgspec
from portico.api import PluginInfo, hookimpl
from portico.api.sockets import SocketEvent

PLUGIN = PluginInfo(api_version=1, summary="Relays.")

@hookimpl
def register_socket_events(app):
    async def relay(socket, data):
        app.sockets.emit_to_account(socket.actor.id, "events", data)

    return [SocketEvent("bench:relay", msgspec.Raw, relay)]
"""
BARE = """
import socketio
from granian import Granian

sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
app = socketio.ASGIApp(sio, socketio_path="/ws/socket.io")

@sio.on("connect")
async def connect(sid, environ, auth):
    await sio.enter_room(sid, "all")

@sio.on("bench:relay")
async def relay(sid, data):
    await sio.emit("events", data, room="all")

if __name__ == "__main__":
    import sys
    Granian("bare:app", interface="asgi", port=int(sys.argv[1]), loop="uvloop", log_enabled=False,
            websockets=True, backpressure=8192, backlog=4096).serve()
"""


@dataclass(frozen=True)
class Target:
    """A server: its URL, the process that serves, and what a client sends as `auth`."""

    url: str
    pid: int
    auth: str

    def memory(self) -> int:
        """Resident kilobytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worker_of(main: int) -> int:
    return int(Path(f"/proc/{main}/task/{main}/children").read_text().split()[0])


@contextmanager
def portico(folder: Path) -> Iterator[Target]:
    site = folder / "site"
    info = site / "made_up_bench-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "made_up_bench.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-bench\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[portico]\nbench = made_up_bench\n")
    environment = {
        "DATA_DIR": str(folder / "data"),
        "WEBUI_SECRET_KEY": SECRET,
        "ENABLE_SIGNUP": "true",
        "PYTHONPATH": str(site),
        "PORTICO_SOCKETS_MAX_SOCKETS_PER_ACCOUNT": "100000",
        "PORTICO_SOCKETS_MAX_ANONYMOUS_PER_ADDRESS": "100000",
    }
    server = ServerProcess(environment, folder).start()
    try:
        assert server.process is not None
        auth = json.dumps({"token": server.client.sign_up("Ada").token})
        yield Target(server.url, worker_of(server.process.pid), auth)
    finally:
        server.kill()


@contextmanager
def bare(folder: Path) -> Iterator[Target]:
    (folder / "bare.py").write_text(BARE)
    port = free_port()
    process = subprocess.Popen([sys.executable, "bare.py", str(port)], cwd=folder)
    try:
        time.sleep(3)
        yield Target(f"http://127.0.0.1:{port}", worker_of(process.pid), "")
    finally:
        process.terminate()
        process.wait()


class Listener:
    """One socket, which counts the events that it gets."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, heard: Callable[[], None]) -> None:
        self.socket = socket
        self._heard = heard
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            if message.data == "2":
                await self.socket.send_str("3")
            elif message.data.startswith('42["events"'):
                self._heard()


@asynccontextmanager
async def connected(
    target: Target, number: int, heard: Callable[[], None]
) -> AsyncIterator[list[Listener]]:
    url = f"{target.url}/ws/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one() -> Listener:
            socket = await session.ws_connect(url)
            await socket.receive_str()
            await socket.send_str("40" + target.auth)
            assert (await socket.receive_str()).startswith("40")
            return Listener(socket, heard)

        listeners: list[Listener] = []
        while len(listeners) < number:
            some = min(50, number - len(listeners))
            listeners += await asyncio.gather(*(one() for _ in range(some)))
        yield listeners


async def measure(
    target: Target, number: int, rounds: int, idle_seconds: float
) -> dict[str, float]:
    """Return the figures of one server."""
    count, arrived = 0, asyncio.Event()

    def heard() -> None:
        nonlocal count
        count += 1
        if count == number:
            arrived.set()

    before = target.memory()
    async with connected(target, number, heard) as listeners:
        memory = (target.memory() - before) / number
        idle_from, cpu = time.monotonic(), target.cpu()
        await asyncio.sleep(idle_seconds)
        idle = (target.cpu() - cpu) / (time.monotonic() - idle_from)
        data = json.dumps({"chat_id": "c", "data": {"type": "chat:completion", "data": "x" * 500}})
        times, cpu = [], target.cpu()
        for _ in range(rounds):
            count, begun = 0, time.monotonic()
            arrived.clear()
            await listeners[0].socket.send_str(f'42["bench:relay",{data}]')
            await arrived.wait()
            times.append(time.monotonic() - begun)
        return {
            "kB per socket": memory,
            "ms to the last": statistics.median(times) * 1000,
            "us of CPU per event": (target.cpu() - cpu) / (rounds * number) * 1e6,
            "% CPU while idle": idle * 100,
        }


@click.command()
@click.option("--sockets", "number", default=2000, show_default=True)
@click.option("--rounds", default=20, show_default=True, help="Events to all sockets.")
@click.option("--idle", default=5.0, show_default=True, help="Seconds in which nothing happens.")
def main(number: int, rounds: int, idle: float) -> None:
    """Print the figures of both servers, and their ratios."""
    found = {}
    for name, serve in (("portico", portico), ("bare", bare)):
        with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as target:
            found[name] = asyncio.run(measure(target, number, rounds, idle))
    click.echo(f"{number} sockets{'':12}{'portico':>10}{'bare':>10}{'ratio':>8}")
    for what, ours in found["portico"].items():
        theirs = found["bare"][what]
        ratio = f"{ours / theirs:8.2f}" if theirs else f"{'-':>8}"
        click.echo(f"{what:24}{ours:10.1f}{theirs:10.1f}{ratio}")


if __name__ == "__main__":
    main()
