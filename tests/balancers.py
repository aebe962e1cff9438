"""The load balancers of `deploy/`: their programs, certificates for them, and HAProxy in front of servers of a test.

Where HAProxy cannot be had, a plain one in Python takes its place.
"""

import asyncio
import contextlib
import http.client
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self

from tests import certificates
from tests.debian_programs import Installed
from tests.redis_server import free_port

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "haproxy.cfg"
#: Seconds in which a process or a load balancer must do what is expected of it.
PATIENCE = 60.0

#: The Debian packages of each program and of its libraries that a minimal system lacks.
PACKAGES = {
    "nginx": ("nginx", "nginx-common", "libpcre2-8-0"),
    "haproxy": (
        "haproxy",
        "liblua5.3-0",
        "liblua5.4-0",
        "libopentracing-c-wrapper0",
        "libopentracing-c-wrapper0t64",
        "libopentracing1",
    ),
}

#: Folders for temporary files, which the packages of nginx would create.
_NGINX_FOLDERS = "".join(
    f"    {what}_temp_path {what};\n"
    for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


def movable_nginx(text: str) -> str:
    """Return a configuration of nginx that writes into its own folder only, and may use the Unix sockets of this user."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    return text.replace("http {\n", f"{user}pid nginx.pid;\n\nhttp {{\n{_NGINX_FOLDERS}", 1)


def write_certificate(folder: Path, *, joined: bool) -> Path:
    """Write a certificate and its key into a folder, as nginx wants them, or `joined` in one file, as HAProxy does.

    Returns the file of the certificate.
    """
    folder.mkdir(parents=True)
    certificate, key = certificates.make(folder, "fullchain", "localhost", "127.0.0.1")
    if joined:
        certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
        key.unlink()
    else:
        key.rename(folder / "privkey.pem")
    return certificate


class Balancer(Protocol):
    """A load balancer in front of several servers. `url`: its address, without TLS."""

    url: str

    def wait_until_up(self, count: int) -> None:
        """Wait until so many servers get requests."""
        ...

    def said(self) -> str:
        """Return what it has logged about the servers."""
        ...


class HAProxy:
    """HAProxy with `deploy/haproxy.cfg`; it is asked over its socket which servers are up.

    `tls`: with a certificate in `certs` in its folder.
    """

    def __init__(
        self, installed: Installed, folder: Path, addresses: list[str], *, tls: bool = False
    ) -> None:
        port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self._control = folder / "haproxy.sock"
        lines, named = [], list[str]()
        for line in (CONFIGURATION).read_text().splitlines():
            words = line.split()
            if words[:1] == ["server"]:
                if remaining := addresses[len(named) :]:
                    named.append(remaining[0])
                    lines.append(f"    server {words[1]} {remaining[0]}")
            elif words[:1] == ["default-server"]:
                lines.append(line.partition(" resolvers ")[0])
            elif words[:2] == ["bind", ":80"]:
                lines.append(f"    bind 127.0.0.1:{free_port()}")
            elif words[:2] == ["bind", ":443"]:
                lines.append(
                    " ".join(["    bind", f"127.0.0.1:{port}", *(words[2:] if tls else ())])
                )
            else:
                lines.append(line)
        file = folder / "haproxy.cfg"
        control = f"global\n    stats socket {self._control}\n"
        file.write_text("\n".join(lines) + "\n" + control)
        self._log = (folder / "haproxy.log").open("w")
        self._process = subprocess.Popen(
            [installed.program, "-db", "-f", file],
            env=installed.environment,
            stdout=self._log,
            stderr=self._log,
        )
        self._count = len(addresses)

    def __enter__(self) -> Self:
        try:
            self.wait_until_up(self._count)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def said(self) -> str:
        """Return what it has logged about the servers."""
        lines = Path(self._log.name).read_text().splitlines()
        return "\n".join(line for line in lines if "Server portico/" in line)

    def wait_until_up(self, count: int) -> None:
        """Wait until so many servers get requests."""
        wait_for(lambda: self._up() == count, f"HAProxy has {count} servers")

    def _up(self) -> int:
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(self._control))
                control.sendall(b"show servers state portico\n")
                answer = b"".join(iter(lambda: control.recv(65536), b"")).decode()
        except OSError:
            assert self._process.poll() is None, Path(self._log.name).read_text()
            return 0
        # The sixth column is the state: 2 = up. Source: HAProxy Management Guide, "show servers state".
        rows = [line.split() for line in answer.splitlines()[2:] if line]
        return sum(row[5] == "2" for row in rows)


class PlainBalancer:
    """Forwards each connection to a server that is ready, in turn. It knows nothing of HTTP but `/ready`."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses
        self._ready: list[str] = []
        self._turn = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._on_loop(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._ended = threading.Event()
        self._probing = threading.Thread(target=self._probe, daemon=True)
        self._probing.start()

    def __enter__(self) -> Self:
        self.wait_until_up(len(self._addresses))
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._probing.join()
        self._server.close()
        self._on_loop(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def said(self) -> str:
        """Return what it has logged about the servers."""
        return ""

    def wait_until_up(self, count: int) -> None:
        """Wait until so many servers get requests."""
        wait_for(lambda: len(self._ready) == count, f"{count} servers are ready")

    def _on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def _probe(self) -> None:
        while not self._ended.wait(0.3):
            self._ready = [address for address in self._addresses if _is_ready(address)]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)  # the event loop itself does not keep it
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await self._forward(reader, writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            self._turn += 1
            host, _, port = self._ready[self._turn % len(self._ready)].partition(":")
            with contextlib.suppress(OSError):
                there, back = await asyncio.open_connection(host, int(port))
                break
        else:
            writer.close()
            return
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            back.transport.abort()
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # the other end has gone
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
        if not writer.is_closing():
            writer.write_eof()


def _is_ready(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is true. Fails the test if it does not happen."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.02)
