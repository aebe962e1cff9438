"""Clients that leave in the middle of an answer: everything that the server held for them must be released.

    .venv/bin/python -m tests.soak.leaving_clients [--clients 1000] [--at-once 100]

Exits with 0 if upstream calls, tasks and file handles are as after the first few, and memory as after the first few.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
from tests.soak.measuring import resident_mb, worker_of
from tests.soak.soaking import SETTINGS
from tests.temporary_plugins import write_plugin
from tests.upstream import Upstream

from portico.testing import Client, ServerProcess

#: Megabytes that the memory may differ by: the allocator of the system returns it in pieces.
MAX_GROWTH_MB = 8.0
#: Where a client leaves: in a stream, or before the first byte of the answer.
MODELS = ("endless", "endless", "slow", "silent")

PROBE = """
import asyncio, os
from portico.api import PluginInfo, hookimpl
from portico.api.web import get
PLUGIN = PluginInfo(summary="Counts tasks and file handles.", api_version=1)

@get("/api/x/held/", access="admin")
async def held() -> dict[str, int]:
    return {"tasks": len(asyncio.all_tasks()), "handles": len(os.listdir("/proc/self/fd"))}

@hookimpl
def register_routes():
    return [held]
"""


@dataclass(frozen=True)
class Held:
    """What a server holds: open calls of its provider, tasks of its event loop, file handles, and memory."""

    calls: int
    tasks: int
    handles: int
    memory_mb: float


class LeavingClients:
    """A server with a provider, and clients that leave it."""

    def __init__(self, server: ServerProcess, upstream: Upstream, admin: Client) -> None:
        self._server, self._upstream, self._admin = server, upstream, admin
        assert server.process is not None
        self._worker = worker_of(server.process.pid)
        self.release_seconds = 0.0

    def held(self) -> Held:
        """Return what the server holds now."""
        found = json.loads(self._admin.get("/api/x/held/").body)
        memory = resident_mb(self._worker)
        return Held(self._upstream.open_calls, found["tasks"], found["handles"], memory)

    def base(self) -> Held:
        """Return what the server holds after a few clients: what is opened once, such as files of the database, is open."""
        self.come_and_leave(len(MODELS), len(MODELS))
        ends = time.monotonic() + 30
        while len(json.loads(self._admin.get("/api/v1/usage/calls").body)["items"]) < len(MODELS):
            assert time.monotonic() < ends, "the usage of clients that left was not written"
            time.sleep(0.05)
        return self.held()

    def settled(self, base: Held, seconds: float = 30) -> Held:
        """Return what the server holds as soon as that is no more than `base`, or after so many seconds."""
        ends = time.monotonic() + seconds
        while True:
            now = self.held()
            is_released = now.calls == 0 and now.tasks <= base.tasks and now.handles <= base.handles
            if is_released or time.monotonic() > ends:
                return now
            time.sleep(0.1)

    def come_and_leave(self, clients: int, at_once: int) -> None:
        """Have so many clients ask, read the beginning, and leave; so many at once."""
        for begun in range(0, clients, at_once):
            number = min(at_once, clients - begun)
            asyncio.run(self._wave(number))
            left = time.monotonic()
            self._upstream.wait_until_idle()
            self.release_seconds = max(self.release_seconds, time.monotonic() - left)
            self._upstream.requests.clear()

    async def _wave(self, clients: int) -> None:
        writers = await asyncio.gather(
            *(self._ask(MODELS[number % len(MODELS)]) for number in range(clients))
        )
        for writer in writers:
            writer.transport.abort()

    async def _ask(self, model: str) -> asyncio.StreamWriter:
        where = urlsplit(self._server.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        form = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
        body = json.dumps(form).encode()
        head = f"POST /api/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self._admin.token}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        if model != "silent":
            await reader.readuntil(b"data: ")
        return writer


@contextlib.contextmanager
def leaving_clients(folder: Path) -> Iterator[LeavingClients]:
    """Start a server with a provider. `folder`: for its data."""
    site = folder / "site"
    write_plugin(site, "held", PROBE, "held", "held")
    with Upstream() as upstream, contextlib.ExitStack() as end:
        environment = upstream.environment | SETTINGS | {"DATA_DIR": str(folder / "data")}
        server = ServerProcess(environment | {"PYTHONPATH": str(site)}, folder).start()
        end.callback(server.kill)
        yield LeavingClients(server, upstream, server.client.sign_up("Ada"))


@click.command()
@click.option("--clients", default=1000, help="Number of clients.")
@click.option("--at-once", default=100, help="How many are there at the same time.")
def main(clients: int, at_once: int) -> None:
    """Have clients leave, and report what is left of them."""
    with (
        tempfile.TemporaryDirectory(prefix="portico-leaving-") as folder,
        leaving_clients(Path(folder)) as crowd,
    ):
        base = crowd.base()
        crowd.come_and_leave(at_once, at_once)
        first = crowd.settled(base)
        crowd.come_and_leave(clients, at_once)
        last = crowd.settled(base)
    click.echo(f"before: {base}\nafter the first {at_once}: {first}\nafter {clients} more: {last}")
    click.echo(f"released after {crowd.release_seconds:.2f} s at most")
    is_flat = last.memory_mb - first.memory_mb < MAX_GROWTH_MB
    is_base = last.calls == 0 and last.tasks <= base.tasks and last.handles <= base.handles
    sys.exit(0 if is_flat and is_base else 1)


if __name__ == "__main__":
    main()
