"""What to size a machine by: memory and processor time of processes, requests, streams and sockets, on PostgreSQL.

    .venv/bin/python -m tests.benchmarks.sizing [--requests 1000] [--streams 200] [--seconds 10] [--sockets 1000]

A real server, a real worker, PostgreSQL and Redis. Printed are the memory of each process; for each kind of request the
processor time of the server and of PostgreSQL; the memory of an open stream and of a signed-in socket; the
processor time of replies that grow in events and of plain streams; and how many
connections to PostgreSQL each process holds, at rest and after the requests, which are sent over as many connections at once as
its pool has. Figures in `deploy/README.md` are from here.

Linux only. Processor times hardly depend on the load of the machine.
"""

import asyncio
import http.client
import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import click
from tests.many_sockets import ManySockets
from tests.redis_server import RedisServer
from tests.reply_requests import ask, start_chat, text_in
from tests.servers import fresh_database, postgres_server
from tests.soak.measuring import cpu_seconds, resident_mb, worker_of
from tests.upstream import Upstream

from portico.testing import SECRET, Client, ServerProcess, WorkerProcess

#: Connections over which requests are sent at the same time; as many as a pool has.
AT_ONCE = 10
WARM_UP = 50
#: Replies and streams that grow at the same time; one account may have so many replies.
GROWING = 8


class Scene:
    """A server and a worker on one database, and a user with a chat."""

    def __init__(self, server: ServerProcess, worker: WorkerProcess, database_url: str) -> None:
        assert server.process is not None
        assert worker.process is not None
        self.server, self.database_url = server, database_url
        self.pids = {
            "supervisor of the server": server.process.pid,
            "server": worker_of(server.process.pid),
            "worker": worker.process.pid,
        }
        self.user: Client = server.client.sign_up("Ada")
        self.chat_id, self.message_id = start_chat(self.user)

    @property
    def pid(self) -> int:
        """The process that serves."""
        return self.pids["server"]

    def backends(self) -> list[int]:
        """Return the processes of PostgreSQL that serve this database."""
        return asyncio.run(_backends(self.database_url))


async def _backends(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [row["pid"] for row in rows]
    finally:
        await connection.close()


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Yield a running scene."""
    with ExitStack() as stack:
        url = stack.enter_context(
            fresh_database(stack.enter_context(postgres_server(forgetful=True)))
        )
        upstream = stack.enter_context(Upstream())
        redis = RedisServer().start()
        stack.callback(redis.close)
        settings = upstream.environment | {
            "DATABASE_URL": url,
            "REDIS_URL": redis.url,
            "WEBUI_SECRET_KEY": SECRET,
            "DATA_DIR": str(folder / "data"),
            "ENABLE_SIGNUP": "true",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            "PORTICO_SOCKETS_MAX_SOCKETS_PER_ACCOUNT": "100000",
            "PORTICO_SOCKETS_MAX_ANONYMOUS_PER_ADDRESS": "100000",
        }
        server, worker = ServerProcess(settings, folder), WorkerProcess(settings, folder)
        stack.callback(worker.kill)
        stack.callback(server.kill)
        yield Scene(server.start(), worker.start(), url)


def requests_of(found: Scene) -> dict[str, tuple[str, str, bytes]]:
    """Return what is asked, by name: method, path and body."""
    chat = json.dumps({"chat": {"title": "renamed"}}).encode()
    form = {"model": "good", "messages": [{"role": "user", "content": "Hi"}]}
    whole, streamed = (json.dumps(form | {"stream": value}).encode() for value in (False, True))
    return {
        "health": ("GET", "/health", b""),
        "session": ("GET", "/api/v1/auths/", b""),
        "models": ("GET", "/api/models", b""),
        "list of chats": ("GET", "/api/v1/chats/?page=1", b""),
        "one chat": ("GET", f"/api/v1/chats/{found.chat_id}", b""),
        "change of a chat": ("POST", f"/api/v1/chats/{found.chat_id}", chat),
        "completion, whole": ("POST", "/api/chat/completions", whole),
        "completion, 7 blocks": ("POST", "/api/chat/completions", streamed),
    }


def send(found: Scene, request: tuple[str, str, bytes], count: int) -> None:
    """Send a request so often, over several connections at once. Raises: AssertionError unless all succeed."""
    method, path, body = request
    headers = {"authorization": f"Bearer {found.user.token}", "content-type": "application/json"}

    def some(_: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(found.server.url).netloc, timeout=60)
        for _ in range(max(1, count // AT_ONCE)):
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            text = response.read()
            assert response.status == 200, text[:200]
        connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(some, range(AT_ONCE)))


def measure_requests(found: Scene, count: int) -> None:
    """Print the processor time of each kind of request."""
    click.echo("\nrequest                 server ms   PostgreSQL ms")
    for name, request in requests_of(found).items():
        send(found, request, WARM_UP)
        backends = found.backends()
        server, database = cpu_seconds(found.pid), sum(map(cpu_seconds, backends))
        send(found, request, count)
        sent = max(1, count // AT_ONCE) * AT_ONCE
        ours = (cpu_seconds(found.pid) - server) / sent * 1000
        theirs = (sum(map(cpu_seconds, backends)) - database) / sent * 1000
        click.echo(f"{name:<22} {ours:>10.2f} {theirs:>15.2f}")


def measure_streams(found: Scene, count: int) -> None:
    """Print the memory of an open stream."""
    form = {"model": "silence", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    headers = {"authorization": f"Bearer {found.user.token}", "content-type": "application/json"}

    def open_one(_: int) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(urlsplit(found.server.url).netloc, timeout=60)
        connection.request("POST", "/api/chat/completions", json.dumps(form), headers)
        response = connection.getresponse()
        assert b"first" in response.readline()
        return connection

    for connection in map(open_one, range(WARM_UP)):
        connection.close()
    before = resident_mb(found.pid)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        opened = list(threads.map(open_one, range(count)))
    growth = resident_mb(found.pid) - before
    click.echo(f"\nopen stream             {growth / count * 1024:.0f} KB")
    for connection in opened:
        connection.close()


def measure_growing(found: Scene, seconds: float) -> None:
    """Print the processor time of a reply and of a stream that grow by about a hundred deltas a second."""
    message = {"role": "user", "content": "Hi"}
    with found.user.connect_socket() as socket:
        tasks = []
        for _ in range(GROWING):
            chat_id, message_id = start_chat(found.user)
            tasks.append(ask(found.user, chat_id, message_id, model="endless").json["task_id"])
        socket.wait_for("events", text_in)
        replies = _percent(found.pid, seconds)
        for task in tasks:
            found.user.post(f"/api/tasks/stop/{task}")
    headers = {"authorization": f"Bearer {found.user.token}", "content-type": "application/json"}
    form = json.dumps({"model": "endless", "messages": [message], "stream": True})
    connections = []
    for _ in range(GROWING):
        connection = http.client.HTTPConnection(urlsplit(found.server.url).netloc, timeout=60)
        connection.request("POST", "/api/chat/completions", form, headers)
        connections.append((connection, connection.getresponse()))
    streams = _percent(found.pid, seconds)
    for connection, _ in connections:
        connection.close()
    click.echo(f"growing reply           {replies / GROWING:.1f} % of a processor")
    click.echo(f"growing stream          {streams / GROWING:.1f} %")


def _percent(pid: int, seconds: float) -> float:
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / seconds * 100


async def measure_sockets(found: Scene, count: int) -> None:
    """Print the memory of a signed-in socket, and what connecting it costs."""
    warm_up = ManySockets(found.server.url, [{"token": found.user.token}] * WARM_UP)
    await warm_up.connect()
    await warm_up.close()
    sockets = ManySockets(found.server.url, [{"token": found.user.token}] * count)
    memory, cpu = resident_mb(found.pid), cpu_seconds(found.pid)
    await sockets.connect()
    growth = (resident_mb(found.pid) - memory) / count * 1024
    click.echo(f"signed-in socket        {growth:.0f} KB, connecting {(cpu_seconds(found.pid) - cpu) / count * 1000:.2f} ms")  # fmt: skip
    await sockets.close()


def print_memory(found: Scene, when: str) -> None:
    """Print the memory of each process, and the connections to PostgreSQL."""
    click.echo(f"\n{when}")
    for name, pid in found.pids.items():
        click.echo(f"{name:<24} {resident_mb(pid):.0f} MB")
    click.echo(f"connections to PostgreSQL {len(found.backends())}")


@click.command()
@click.option("--requests", default=1000, show_default=True, help="Requests of each kind.")
@click.option("--streams", default=200, show_default=True, help="Streams that are open at once.")
@click.option("--seconds", default=10.0, show_default=True, help="In which replies grow.")
@click.option("--sockets", default=1000, show_default=True, help="Sockets that are open at once.")
def main(requests: int, streams: int, seconds: float, sockets: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder)) as found:
        print_memory(found, "after the start")
        measure_requests(found, requests)
        print_memory(found, f"after these requests, {AT_ONCE} at a time")
        measure_streams(found, streams)
        measure_growing(found, seconds)
        asyncio.run(measure_sockets(found, sockets))
        click.echo("end of the figures")


if __name__ == "__main__":
    main()
