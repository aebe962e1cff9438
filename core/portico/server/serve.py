"""The server: granian's main process, which supervises one or more server processes behind one port or Unix socket.

The main process stays light: it checks the settings and the port, and prints the ready line when all server processes
accept connections. They alone import the plugins (`server_process`).
"""

import asyncio
import errno
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial

from portico.errors import OperatorError
from portico.server.log_writer import take_over_streams
from portico.server.process_pipe import ProcessPipe
from portico.server.process_start import ProcessStart
from portico.server.server_process import Listens, load
from portico.server.unix_socket import BACKLOG, SOCKET_MODE, ListeningSocket, unix_socket_path
from portico.settings.load import LoadedSettings
from portico.settings.server import ServerSettings

#: Seconds after the grace period after which a server process that hangs is killed.
KILL_AFTER_GRACE_SECONDS = 5
#: Seconds for which a start waits for its port: the processes of a server that was killed may be about to end.
PORT_WAIT_SECONDS = 1.0
PORT_CHECK_SECONDS = 0.05


class CannotServe(OperatorError):
    """The server cannot start. The text says what to do."""


def serve(loaded: LoadedSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises: CannotServe. Exits with 1 if a server process cannot start."""
    from granian import loops
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings

    from portico.server.supervisor import Supervisor

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = loaded.settings.server
    path = unix_socket_path(loaded)
    unix_socket = ListeningSocket(path) if path else None
    address, port = ("", 0) if unix_socket else _bindable(server)
    take_over_streams()
    loops.register("uvloop")(_event_loop)
    start, pipe = ProcessStart(server.start_limit, server.workers), ProcessPipe()
    granian = Supervisor(
        pipe,
        start,
        server.drain_delay,
        unix_socket,
        target="portico",
        address=address,
        port=port,
        uds=path,
        uds_permissions=SOCKET_MODE,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        # Also closes idle connections.
        http1_settings=HTTP1Settings(header_read_timeout=int(server.header_timeout * 1000)),
        loop=Loops.uvloop,
        websockets=True,
        workers=server.workers,
        backlog=BACKLOG,
        backpressure=4096,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=int(server.shutdown_timeout) + KILL_AFTER_GRACE_SECONDS,
        log_enabled=False,
    )
    listens = Listens(address, port, path)
    with nullcontext() if unix_socket else _reserved(address, port):
        granian.serve(target_loader=partial(load, loaded, listens, start, pipe), wrap_loader=False)
    if start.has_failed:
        sys.exit(1)


def _event_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of a server process. Called by granian in that process."""
    from portico.plugin_errors.event_loop import ExitProofLoop

    loop = ExitProofLoop()
    asyncio.set_event_loop(loop)
    return loop


def _bindable(server: ServerSettings) -> tuple[str, int]:
    """Return the numeric address and the port to listen on. Raises: CannotServe if they cannot be used."""
    deadline = time.monotonic() + PORT_WAIT_SECONDS
    while True:
        try:
            return _bound(server)
        except (OSError, UnicodeError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(PORT_CHECK_SECONDS)
                continue
            why = getattr(error, "strerror", None) or error
            raise CannotServe(
                f"cannot listen on {server.host}:{server.port}: {why}. Choose another with --port or --host."
            ) from None


def _bound(server: ServerSettings) -> tuple[str, int]:
    """Return the numeric address and the port of a socket that was bound to them, and is closed again. Raises: OSError."""
    found = socket.getaddrinfo(
        server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    # Of a name with several addresses, such as localhost, the first IPv4 address: most clients try it first.
    family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if server.port:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        return str(address[0]), int(probe.getsockname()[1])


@contextmanager
def _reserved(address: str, port: int) -> Iterator[None]:
    """Keep the port while the block runs. On Linux each server process binds it when it starts, also much later.

    The socket never listens, so no connection reaches it.
    """
    with ExitStack() as stack:
        if sys.platform == "linux":
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            reserved = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with suppress(OSError):  # taken since it was checked, which granian reports
                reserved.bind((address, port))
        yield
