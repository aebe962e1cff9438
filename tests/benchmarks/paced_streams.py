"""What relaying paced streams costs, compared with nginx and with a relay that does nothing else, in the same run.

    .venv/bin/python -m tests.benchmarks.paced_streams [--streams 200] [--interval 20] [--seconds 10] [--rounds 3]

So many streams are open at once, and each gets a chunk from its provider every so many milliseconds. In alternating
rounds they go through nginx, through `tests.benchmarks.relay` (granian and aiohttp), and through a real server on SQLite,
with the plugins that are on by default. Printed are the processor time for each chunk, the memory of one
stream, and the time from the request to the first byte when all streams start at once; then how much each is of nginx's.

Linux only. nginx is an installed one, or a Debian package that is unpacked.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from tests.balancers import PACKAGES, movable_nginx
from tests.debian_programs import find_program
from tests.redis_server import free_port
from tests.soak.measuring import cpu_seconds, resident_mb, worker_of

from portico.testing import SECRET, ServerProcess

#: Seconds for which streams run before they are measured.
SETTLE_SECONDS = 1.0
#: Streams that are opened before the first round.
WARM_UP = 10
NGINX = """
worker_processes 1;
daemon off;
events { worker_connections 4096; }
http {
    access_log off;
    upstream provider { server 127.0.0.1:PROVIDER; keepalive 512; }
    server {
        listen 127.0.0.1:PORT;
        location / {
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }
    }
}
"""


class Reader(asyncio.Protocol):
    """A client with one stream. `first_at`: when its first chunk arrived."""

    chunks = 0

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.first_at = 0.0
        self.begun = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        found = data.count(b"data:")
        Reader.chunks += found
        if found and not self.first_at:
            self.first_at = time.perf_counter()
            if not self.begun.done():
                self.begun.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(ConnectionError("closed before the first chunk"))


@dataclass
class Target:
    """Something that relays streams. `microseconds`, `kilobytes`, `milliseconds`: what each round has found."""

    name: str
    port: int
    path: str
    pid: int
    token: str = ""
    microseconds: list[float] = field(default_factory=list)
    kilobytes: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def request(self) -> bytes:
        """Return the bytes of one request."""
        message = {"role": "user", "content": "Hi"}
        form = json.dumps({"model": "paced", "messages": [message], "stream": True}).encode()
        head = [
            f"POST {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            f"Authorization: Bearer {self.token}",
            f"Content-Length: {len(form)}",
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + form

    async def warm_up(self) -> None:
        """Open a few streams, and close them."""
        loop, request = asyncio.get_running_loop(), self.request()
        for _ in range(WARM_UP):
            reader = Reader(request)
            await loop.create_connection(lambda r=reader: r, "127.0.0.1", self.port)  # type: ignore[misc]
            await reader.begun
            reader.transport.abort()

    async def measure(self, streams: int, seconds: float) -> None:
        """Measure one round."""
        loop = asyncio.get_running_loop()
        memory = resident_mb(self.pid)
        request, began = self.request(), time.perf_counter()
        readers = [Reader(request) for _ in range(streams)]
        await asyncio.gather(
            *(loop.create_connection(lambda r=r: r, "127.0.0.1", self.port) for r in readers)  # type: ignore[misc]
        )
        await asyncio.gather(*(reader.begun for reader in readers))
        firsts = [reader.first_at - began for reader in readers]
        await asyncio.sleep(SETTLE_SECONDS)
        before, Reader.chunks = cpu_seconds(self.pid), 0
        await asyncio.sleep(seconds)
        used, chunks = cpu_seconds(self.pid) - before, Reader.chunks
        self.microseconds.append(used / max(1, chunks) * 1e6)
        self.kilobytes.append((resident_mb(self.pid) - memory) / streams * 1024)
        self.milliseconds.append(statistics.median(firsts) * 1000)
        for reader in readers:
            reader.transport.abort()
        await asyncio.sleep(SETTLE_SECONDS)


@contextmanager
def process(command: list[Any], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program, and end it."""
    running = subprocess.Popen(command, text=True, **options)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)
        if running.stdout is not None:
            running.stdout.close()


def wait_for_port(port: int) -> None:
    """Wait until something listens."""

    async def connect() -> None:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    asyncio.run(connect())


@contextmanager
def targets(folder: Path, interval: float) -> Iterator[list[Target]]:
    """Yield what is compared, each running, with one provider behind all of them."""
    with ExitStack() as stack:
        provider, root = free_port(), Path(__file__).parents[2]
        command = [sys.executable, "-m", "tests.benchmarks.paced_provider", provider, interval]
        paced = stack.enter_context(process(list(map(str, command)), cwd=root, stdout=subprocess.PIPE))  # fmt: skip
        assert paced.stdout is not None
        paced.stdout.readline()
        found: list[Target] = []
        nginx = find_program("nginx", PACKAGES["nginx"], folder / "debian")
        if nginx is not None:
            port = free_port()
            text = NGINX.replace("PROVIDER", str(provider)).replace("PORT", str(port))
            (folder / "nginx.conf").write_text(movable_nginx(text))
            words = [nginx.program, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
            main = stack.enter_context(process(words, env=nginx.environment))
            wait_for_port(port)
            found.append(Target("nginx", port, "/v1/chat/completions", worker_of(main.pid)))
        port = free_port()
        relay = [sys.executable, "-m", "tests.benchmarks.relay", str(port), f"http://127.0.0.1:{provider}"]  # fmt: skip
        main = stack.enter_context(process(relay, cwd=root))
        wait_for_port(port)
        found.append(Target("relay", port, "/v1/chat/completions", worker_of(main.pid)))
        server = ServerProcess(
            {
                "OPENAI_API_BASE_URLS": f"http://127.0.0.1:{provider}/v1",
                "OPENAI_API_KEYS": "sk-paced",
                "OPENAI_API_CONFIGS": '{"0": {"access": "public", "model_ids": ["paced"]}}',
                "WEBUI_SECRET_KEY": SECRET,
                "DATA_DIR": str(folder / "data"),
                "ENABLE_SIGNUP": "true",
                "PORTICO_IDENTITY_BCRYPT_ROUNDS": "4",
                "GLOBAL_LOG_LEVEL": "ERROR",
            },
            folder,
        )
        stack.callback(server.kill)
        server.start()
        assert server.process is not None
        token = server.client.sign_up("Ada").token
        address, pid = urlsplit(server.url), worker_of(server.process.pid)
        found.append(Target("portico", address.port or 0, "/api/chat/completions", pid, token or ""))  # fmt: skip
        yield found


@click.command()
@click.option("--streams", default=200, show_default=True, help="Streams that are open at once.")
@click.option("--interval", default=20.0, show_default=True, help="Milliseconds between chunks.")
@click.option("--seconds", default=10.0, show_default=True, help="For which a round is measured.")
@click.option("--rounds", default=3, show_default=True)
def main(streams: int, interval: float, seconds: float, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, targets(Path(folder), interval / 1000) as found:
        for target in found:  # what is loaded with the first request is not the memory of a stream
            asyncio.run(target.warm_up())
        for _ in range(rounds):
            for target in found:
                asyncio.run(target.measure(streams, seconds))
        click.echo(f"{'':<10} {'CPU/chunk':>12} {'of first':>9} {'memory':>10} {'first byte':>12} {'of first':>9}")  # fmt: skip
        base = found[0]
        for one in found:
            cpu, first = statistics.median(one.microseconds), statistics.median(one.milliseconds)
            base_cpu = statistics.median(base.microseconds) or 1e-9
            base_first = statistics.median(base.milliseconds)
            # The memory of the first round: later ones reuse what is there.
            click.echo(
                f"{one.name:<10} {cpu:>9.1f} µs {cpu / base_cpu:>9.2f} {max(one.kilobytes):>7.0f} KB"
                f" {first:>9.1f} ms {first / base_first:>9.2f}"
            )
        click.echo("end of the figures")


if __name__ == "__main__":
    main()
