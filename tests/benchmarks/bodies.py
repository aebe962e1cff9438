"""Cost of a hostile body for other clients: the longest stall of the event loop, and the memory.

    .venv/bin/python -m tests.benchmarks.bodies [--sizes 1K,1M,32M] [--kinds escapes,…] [--routes sign-in,…]

A real server on SQLite, with a provider. Each body is sent once, to each route that takes one of that size, while
another connection requests /health without a pause. Printed for each: status, duration, the longest duration of
/health meanwhile, and the rise of the server's resident memory at its peak, in MiB and as a multiple of the body.
Linux only.

    many      twenty bodies of 30 MiB at once; their statuses, and the memory
    unread    60 streams that are not read, until the server closes them; the memory for each
"""

import contextlib
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import click
from tests import upstream as behaviours
from tests.upstream import Connection, Upstream, chunk

from portico.testing import SECRET, Client, ServerProcess

SIZES = {
    "1K": 1 << 10,
    "64K": 1 << 16,
    "1M": 1 << 20,
    "30M": 30 << 20,
    "32M": 32 << 20,
    "60M": 60 << 20,
}

MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'


def filled(before: bytes, unit: bytes, after: bytes, size: int) -> bytes:
    """Repeat `unit` between the two so that the result has this size, or a little less."""
    return before + unit * max(0, (size - len(before) - len(after)) // len(unit)) + after


def keys(size: int, first: bytes, last: bytes) -> bytes:
    """Return an object with as many members as fit into the size."""
    many = size // 12
    parts = b",".join(b'"k%d":1' % number for number in range(many))
    return (first + parts)[: size - len(last) - 20].rpartition(b",")[0] + last


#: Functions that return a hostile value of a size, by kind.
VALUES: dict[str, Callable[[int], bytes]] = {
    "text": lambda size: filled(b'"', b"All work and no play, said Jack. ", b'"', size),
    "brackets in a string": lambda size: filled(b'"', b"[", b'"', size),
    "strings of brackets": lambda size: filled(b"[", b'"[",', b'""]', size),
    "escapes": lambda size: filled(b'"', rb"\n", b'"', size),
    "escaped quotation marks": lambda size: filled(b'"', rb"\"", b'"', size),
    "halves of characters": lambda size: filled(b'"', rb"\ud83d", b'"', size),
    "no ASCII": lambda size: filled(b'"', "é🙂".encode(), b'"', size),
    "many members": lambda size: keys(size, b'{"a":1,', b"}"),
    "nested 100 deep": lambda size: filled(b"[", b"[" * 99 + b"]" * 99 + b",", b"[]]", size),
    "nested for ever": lambda size: filled(b"", b"[", b"", size),
    "empty lists": lambda size: filled(b"[", b"[],", b"[]]", size),
    "digits": lambda size: filled(b"[", b"0,", b"0]", size),
    "long numbers": lambda size: filled(b"", b"7", b"", size),
    "slow numbers": lambda size: filled(b"[", b"1.7976931348623157e308,", b"0]", size),
    "blanks": lambda size: filled(b"[", b" ", b"]", size),
}

#: Routes by name: path, largest accepted size, and the body around the value.
ROUTES: dict[str, tuple[str, int, tuple[bytes, bytes]]] = {
    "sign-in": ("/api/v1/auths/signin", 64 << 10, (b'{"email":', b',"password":"x"}')),
    "completion": (
        "/api/chat/completions",
        32 << 20,
        (b'{"model":"good","x":', b"," + MESSAGES + b"}"),
    ),
    "message": (
        "/api/chat/completions",
        32 << 20,
        (b'{"model":"good","messages":[{"role":"user","content":', b"}]}"),
    ),
    "params": (
        "/api/chat/completions",
        32 << 20,
        (b'{"model":"good","params":{"x":', b"}," + MESSAGES + b"}"),
    ),
    "chat": ("/api/v1/chats/new", 32 << 20, (b'{"chat":{"title":"x","x":', b"}}")),
    "chats import": ("/api/v1/chats/import", 32 << 20, (b'[{"chat":{"title":"x","x":', b"}}]")),
    "settings": ("/api/v1/users/user/settings/update", 32 << 20, (b'{"ui":{"x":', b"}}")),
    "model": (
        "/api/v1/models/create",
        32 << 20,
        (b'{"id":"m","name":"M","base_model_id":"good","meta":{},"params":{"x":', b"}}"),
    ),
    "models import": (
        "/api/v1/models/import",
        32 << 20,
        (b'[{"id":"m","name":"M","meta":{},"params":{"x":', b"}}]"),
    ),
    "group": ("/api/v1/groups/create", 32 << 20, (b'{"name":"G","description":"","data":{"x":', b"}}")),
    "folder": ("/api/v1/folders/", 32 << 20, (b'{"name":"F","data":{"x":', b"}}")),
}  # fmt: skip


class Pulse:
    """Requests /health without a pause, in a thread. `slowest`: seconds of the slowest request since `begin`."""

    def __init__(self, server: ServerProcess) -> None:
        where = urlsplit(server.url)
        self._connection = HTTPConnection(str(where.hostname), where.port, timeout=120)
        self._ends = threading.Event()
        self.slowest = 0.0
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Reset `slowest`."""
        self.slowest = 0.0

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._connection.close()

    def _ask(self) -> None:
        while not self._ends.is_set():
            began = time.perf_counter()
            self._connection.request("GET", "/health")
            self._connection.getresponse().read()
            self.slowest = max(self.slowest, time.perf_counter() - began)
            time.sleep(0.001)


class Memory:
    """Resident memory of the worker of a server, in bytes."""

    def __init__(self, server: ServerProcess) -> None:
        self._folder = Path(f"/proc/{worker_of(server)}")

    def now(self) -> int:
        return self._field("VmRSS")

    def forget_peak(self) -> None:
        (self._folder / "clear_refs").write_text("5")

    def peak(self) -> int:
        return self._field("VmHWM")

    def _field(self, name: str) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def worker_of(server: ServerProcess) -> int:
    """Return the worker's process id: the child of the main process with the most memory."""
    assert server.process is not None
    main = server.process.pid
    children = []
    for path in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            if f"PPid:\t{main}\n" in path.read_text():
                children.append(int(path.parent.name))
    return max(children, key=lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]))


@contextlib.contextmanager
def running(**more: str) -> Iterator[tuple[ServerProcess, Client, Upstream]]:
    """Yield a server, a signed-in client, and its provider."""
    with Upstream() as upstream, tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        environment = {
            "DATA_DIR": str(folder / "data"),
            "WEBUI_SECRET_KEY": SECRET,
            "ENABLE_SIGNUP": "true",
            "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
            "PORTICO_RATE_LIMITS_ENABLED": "false",
            **upstream.environment,
            **more,
        }
        server = ServerProcess(environment, folder).start()
        try:
            yield server, server.client.sign_up("Ada"), upstream
        finally:
            server.kill()


def post(server: ServerProcess, client: Client, path: str, body: bytes) -> int:
    """Send a body, and return the status of the response."""
    where = urlsplit(server.url)
    connection = HTTPConnection(str(where.hostname), where.port, timeout=300)
    headers = {"content-type": "application/json", "authorization": f"Bearer {client.token}"}
    try:
        try:
            connection.request("POST", path, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the response came before the whole body was sent
        try:
            answer = connection.getresponse()
            answer.read()
        except ConnectionError:
            return 0
        return answer.status
    finally:
        connection.close()


def each(sizes: list[str], kinds: list[str], routes: list[str]) -> None:
    """Send one body after the other."""
    click.echo(f"{'route':14} {'kind':24} {'size':>5} {'status':>6} {'ms':>8} {'stall ms':>9} {'MiB':>7} {'times':>6}")  # fmt: skip
    worst: dict[str, tuple[float, str]] = {}
    with running() as (server, client, _):
        pulse, memory = Pulse(server), Memory(server)
        try:
            for size in sizes:
                for route in routes:
                    path, most, (before, after) = ROUTES[route]
                    if SIZES[size] > most and size != "1K":
                        continue
                    for kind in kinds:
                        value = VALUES[kind](SIZES[size] - len(before) - len(after))
                        body = before + value + after
                        del value
                        resident = memory.now()
                        memory.forget_peak()
                        pulse.begin()
                        began = time.perf_counter()
                        status = post(server, client, path, body)
                        took = time.perf_counter() - began
                        time.sleep(0.05)
                        stall, rise = pulse.slowest, max(0, memory.peak() - resident)
                        if stall > worst.get(size, (0.0, ""))[0]:
                            worst[size] = stall, f"{route}, {kind}"
                        click.echo(
                            f"{route:14} {kind:24} {size:>5} {status:>6} {took * 1000:8.1f} {stall * 1000:9.1f} "
                            f"{rise / 2**20:7.1f} {rise / len(body):6.1f}"
                        )
        finally:
            pulse.close()
    for size, (stall, where) in worst.items():
        click.echo(f"worst stall of {size}: {stall * 1000:.1f} ms ({where})")


def many(count: int, size: str) -> None:
    """Send large bodies at once."""
    before, after = ROUTES["message"][2]
    body = before + VALUES["brackets in a string"](SIZES[size]) + after
    with running() as (server, client, _):
        pulse, memory = Pulse(server), Memory(server)
        resident = memory.now()
        memory.forget_peak()
        pulse.begin()
        with ThreadPoolExecutor(count) as threads:
            found = list(
                threads.map(
                    lambda _: post(server, client, "/api/chat/completions", body), range(count)
                )
            )
        stall = pulse.slowest
        rise = memory.peak() - resident
        click.echo(f"{count} bodies of {size} at once: {dict(Counter(found))}, stall {stall * 1000:.0f} ms, {rise / 2**20:.0f} MiB")  # fmt: skip
        pulse.close()


async def flood(connection: Connection) -> None:
    """Send without end, as fast as the client reads."""
    await connection.begin()
    with contextlib.suppress(ConnectionError):
        while not connection.reader.at_eof():
            await connection.send(chunk("x" * 4000))


def unread(count: int, seconds: float) -> None:
    """Open streams that are not read. `seconds`: how long they are left open before the memory is read."""
    behaviours.BEHAVIOURS["flood"] = flood
    with (
        contextlib.ExitStack() as after,
        running(PORTICO_SERVER_SEND_TIMEOUT=str(2 * seconds)) as (server, client, upstream),
    ):
        after.callback(behaviours.BEHAVIOURS.pop, "flood")
        memory = Memory(server)
        resident = memory.now()
        where = urlsplit(server.url)
        body = '{"model":"flood","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        connections = []
        for _ in range(count):
            connection = socket.create_connection((where.hostname, where.port))
            connection.sendall(
                f"POST /api/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {client.token}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
            )
            connections.append(connection)
        time.sleep(seconds)
        held = memory.now() - resident
        calls = upstream.open_calls
        began = time.perf_counter()
        upstream.wait_until_idle(60)
        click.echo(
            f"{calls} unread streams: {held / 2**20 / count:.2f} MiB each, gone {time.perf_counter() - began:.1f} s "
            f"later, {(memory.now() - resident) / 2**20:.1f} MiB left"
        )
        for connection in connections:
            connection.close()


@click.command()
@click.option("--sizes", default="1K,1M,32M", help="Of the bodies that are sent one by one.")
@click.option("--kinds", default=",".join(VALUES))
@click.option("--routes", default=",".join(ROUTES))
@click.option("--at-once", default=20, help="Number of bodies for `many`.")
@click.option("--size", default="30M", type=click.Choice(list(SIZES)), help="Of each of them.")
@click.option("--streams", default=60, help="Number of streams for `unread`.")
@click.option("--seconds", default=5.0, help="Half of the time after which they are closed.")
def main(
    sizes: str, kinds: str, routes: str, at_once: int, size: str, streams: int, seconds: float
) -> None:
    """Measure and print."""
    each(sizes.split(","), kinds.split(","), routes.split(","))
    many(at_once, size)
    unread(streams, seconds)


if __name__ == "__main__":
    main()
