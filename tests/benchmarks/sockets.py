"""Cost of Socket.IO connections, compared with a bare python-socketio server that does the same in the same run.

    .venv/bin/python -m tests.benchmarks.sockets [--sockets 2000] [--rounds 6] [--seconds 50]

Both servers run under granian. Each has so many signed-in sockets at the same time, all of one account. Measured in
alternating rounds, and printed with the ratio to the bare server:

    memory      resident memory for each socket
    connect     processor time of the server for each connection
    account     the time until an event to all sockets of an account has arrived at the last, and the processor time of
    room        the server for each socket; the same for a room
    idle        processor time while nothing happens but pings; also of a server without sockets

Linux only. Times depend on the load of the machine; processor times hardly do.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import click
from tests.many_sockets import ManySockets
from tests.redis_server import free_port
from tests.soak.measuring import cpu_seconds, resident_mb, worker_of
from tests.temporary_plugins import write_plugin

from portico.testing import SECRET, ServerProcess

PLUGIN = """
    import msgspec
    from portico.api import PluginInfo, hookimpl
    from portico.api.sockets import SocketEvent

    PLUGIN = PluginInfo(api_version=1, summary="Sends events for measurements.")

    class Form(msgspec.Struct):
        room: str
        data: msgspec.Raw

    @hookimpl
    def register_socket_events(app):
        async def join(socket, _):
            app.sockets.join(socket.id, "measure:all")

        async def send(socket, form):
            if form.room == "all":
                app.sockets.emit_to_room("measure:all", "measured", form.data)
            else:
                app.sockets.emit_to_account(socket.actor.id, "measured", form.data)

        return [SocketEvent("measure:join", None, join), SocketEvent("measure:send", Form, send)]
"""
#: Sockets that connect and disconnect before the measurements, so that what is allocated once does not count.
WARM_UP = 50
#: Events of one round. Processor time is counted in hundredths of a second.
EVENTS = 5
DATA = {"chat_id": "c" * 36, "message_id": "m" * 36, "data": {"type": "t", "data": "x" * 100}}


class Server(NamedTuple):
    """A server: its URL, the process that serves, and the data with which a socket connects."""

    name: str
    url: str
    worker: int
    auth: dict[str, str]


@contextmanager
def portico(folder: Path) -> Iterator[Server]:
    """Yield Portico, with a plugin that sends events."""
    write_plugin(folder / "site", "measure", PLUGIN, "measure", "measure")
    server = ServerProcess(
        {
            "DATA_DIR": str(folder / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            "PORTICO_SOCKETS_MAX_SOCKETS_PER_ACCOUNT": "100000",
            "PORTICO_SOCKETS_MAX_ANONYMOUS_PER_ADDRESS": "100000",
            "PORTICO_SOCKETS_MAX_EVENTS_PER_SECOND": "100000",
            "PYTHONPATH": str(folder / "site"),
        },
        folder,
    ).start()
    try:
        assert server.process is not None
        auth = {"token": server.client.sign_up("Ada").token or ""}
        yield Server("portico", server.url, worker_of(server.process.pid), auth)
    finally:
        server.kill()


@contextmanager
def bare() -> Iterator[Server]:
    """Yield a server of python-socketio alone."""
    port = free_port()
    options = ["--interface", "asgi", "--loop", "uvloop", "--no-log", "--factory"]
    options += ["--port", str(port), "--backlog", "4096", "--backpressure", "4096"]
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *options, "tests.bare_socketio:create_app"],
        cwd=Path(__file__).parents[2],
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_served(url)
        yield Server("bare", url, worker_of(process.pid), {"token": "someone"})
    finally:
        process.terminate()
        process.wait()


def wait_until_served(url: str) -> None:
    """Wait until a server answers. Raises: URLError if it does not."""
    deadline = time.monotonic() + 30
    while True:
        try:
            urlopen(url).close()
        except HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class Measured:
    """One server with its sockets, and its figures by name: those of each round."""

    def __init__(self, server: Server, count: int) -> None:
        self.server = server
        self.clients = ManySockets(server.url, [server.auth] * count)
        self.figures: dict[str, list[float]] = {}

    def add(self, name: str, figure: float) -> None:
        self.figures.setdefault(name, []).append(figure)

    def cpu(self) -> float:
        return cpu_seconds(self.server.worker)

    async def connect(self) -> None:
        """Connect all sockets."""
        warm_up = ManySockets(self.server.url, [self.server.auth] * WARM_UP)
        await warm_up.connect()
        await warm_up.close()
        memory, cpu, count = resident_mb(self.server.worker), self.cpu(), len(self.clients)
        await self.clients.connect()
        self.add("connect, CPU us per socket", (self.cpu() - cpu) / count * 1e6)
        if self.server.name == "portico":
            for socket in self.clients.sockets:
                socket.call("measure:join")
            await self.clients.wait_for(count)
        await self.send("all")
        self.add("memory, KB per socket", (resident_mb(self.server.worker) - memory) / count * 1024)

    async def send(self, room: str) -> float:
        """Send one event to all, and wait until it has arrived. Return the milliseconds."""
        began = time.perf_counter()
        expected = self.clients.events + len(self.clients)
        self.clients.sockets[0].emit("measure:send", {"room": room, "data": DATA})
        await self.clients.wait_for(expected)
        return (time.perf_counter() - began) * 1000

    async def round(self, name: str, room: str) -> None:
        """Send some events and note the figures."""
        cpu = self.cpu()
        for _ in range(EVENTS):
            self.add(f"{name}, ms until the last", await self.send(room))
        self.add(
            f"{name}, CPU us per socket", (self.cpu() - cpu) / EVENTS / len(self.clients) * 1e6
        )


async def idle(all_measured: list[Measured], name: str, seconds: float) -> None:
    """Note the processor time of all servers while nothing happens."""
    before = [one.cpu() for one in all_measured]
    await asyncio.sleep(seconds)
    for one, cpu in zip(all_measured, before, strict=True):
        one.add(name, (one.cpu() - cpu) / seconds * 100)


async def measure(servers: list[Server], count: int, rounds: int, seconds: float) -> None:
    """Measure and print."""
    ours, theirs = all_measured = [Measured(server, count) for server in servers]
    await idle(all_measured, "idle without sockets, CPU %", seconds)
    for one in all_measured:
        await one.connect()
    for number in range(rounds):
        for one in all_measured if number % 2 else reversed(all_measured):
            await one.round("account", one.server.auth["token"])
            await one.round("room", "all")
    await idle(all_measured, "idle, CPU %", seconds)
    click.echo(f"{count} sockets{'':18} {'portico':>10} {'bare':>10} {'ratio':>7}")
    for name, figures in ours.figures.items():
        mine, other = statistics.median(figures), statistics.median(theirs.figures[name])
        ratio = mine / other if other else float("nan")
        click.echo(f"{name:30} {mine:10.2f} {other:10.2f} {ratio:7.2f}")
    for one in all_measured:
        await one.clients.close()


@click.command(help=__doc__)
@click.option("--sockets", default=2000, help="Of each server.", show_default=True)
@click.option("--rounds", default=6, show_default=True)
@click.option("--seconds", default=50.0, help="Of each idle phase; pings are sent each 25 s.")
def main(sockets: int, rounds: int, seconds: float) -> None:
    with ExitStack() as end:
        folder = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="portico-sockets-")))
        servers = [end.enter_context(portico(folder)), end.enter_context(bare())]
        asyncio.run(measure(servers, sockets, rounds, seconds))


if __name__ == "__main__":
    main()
