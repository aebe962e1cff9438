"""The server: granian's main process, which supervises one worker, and the ready line.

The main process stays light: it checks the settings and the port. The worker alone imports the plugins. The ready line
is printed, or the start fails with an error: a worker that is not ready in time reports what it was doing.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

from portico.errors import DomainError, OperatorError, error_location
from portico.server.log_writer import LogWriter, take_over_streams
from portico.server.worker_pipe import WorkerPipe
from portico.server.worker_start import WorkerStart, print_message
from portico.settings.load import LoadedSettings
from portico.settings.server import ServerSettings

#: Seconds after the grace period after which a worker that hangs is killed.
KILL_AFTER_GRACE_SECONDS = 5
#: Seconds in which the worker must accept connections after its start.
REACHABLE_TIMEOUT_SECONDS = 10


class CannotServe(OperatorError):
    """The server cannot start. The text says what to do."""


def serve(loaded: LoadedSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises: CannotServe. Exits with 1 if the worker cannot start."""
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings

    from portico.server.supervisor import Supervisor

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = loaded.settings.server
    if server.workers > 1:
        raise CannotServe(
            f"server.workers = {server.workers}: several worker processes are not supported. Set it to 1; one worker "
            "can stream to thousands of clients."
        )
    address, port = _bindable(server)
    take_over_streams()
    start, pipe = WorkerStart(server.start_limit), WorkerPipe()
    granian = Supervisor(
        pipe,
        start,
        server.drain_delay,
        target="portico",
        address=address,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        # Also closes idle connections.
        http1_settings=HTTP1Settings(header_read_timeout=int(server.header_timeout * 1000)),
        loop=Loops.uvloop,
        websockets=True,
        workers=1,
        backlog=4096,
        backpressure=4096,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=int(server.shutdown_timeout) + KILL_AFTER_GRACE_SECONDS,
        log_enabled=False,
    )
    granian.serve(
        target_loader=partial(load, loaded, (address, port), start, pipe), wrap_loader=False
    )
    if start.has_failed:
        sys.exit(1)


def load(
    loaded: LoadedSettings, listens: tuple[str, int], start: WorkerStart, pipe: WorkerPipe
) -> Any:
    """Return the application of one worker. Called by granian in the worker process."""
    writer = take_over_streams()
    lifecycle = WorkerLifecycle(start, writer)
    pipe.watch(lifecycle.stopping, lifecycle.main_process_ended)
    start.begin(writer)
    from portico.app import Portico
    from portico.boot import MIGRATING
    from portico.server.logging import configure_logging
    from portico.settings.secret_key import ensure_secret_key

    configure_logging(loaded.settings.log, writer=writer)
    try:
        secret = ensure_secret_key(loaded.settings, Path(loaded.settings.data_dir).absolute())
        portico = Portico(loaded, secret)
        application = portico.application
        application.check_required_plugins()
    except OperatorError as error:
        start.fail(str(error).splitlines())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - every failure of the start is reported once
        start.fail([f"{type(error).__name__}: {error} ({error_location(error)})"])
        sys.exit(1)
    lifecycle.application = application
    start.follow(lambda: application.doing, MIGRATING)
    return ServedApplication(portico, loaded.settings.server, listens, start, lifecycle)


class WorkerLifecycle:
    """Stops a worker when its main process says so or dies. Its methods are called in a thread of the worker."""

    def __init__(self, start: WorkerStart, writer: LogWriter) -> None:
        self._start, self._writer = start, writer
        self.application: Any = None
        self.loop: asyncio.AbstractEventLoop | None = None
        # Replace handlers inherited from the main process: until the application has its own, a signal ends the worker.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._end(0))
        signal.signal(signal.SIGINT, lambda *_: self._end(0))

    def stopping(self) -> None:
        """Have `/ready` report *stopping*; exit if nothing is served yet."""
        if self.loop is None or not self._start.is_ready:
            self._end(0)
        else:
            self.loop.call_soon_threadsafe(self.application.drain.announce)

    def main_process_ended(self) -> None:
        """Exit at once: the main process is gone, and another server may need the port."""
        print_message("The main process has ended, so its worker ends too.")
        self._end(1)

    def _end(self, code: int) -> None:
        self._writer.close()
        os._exit(code)


class ServedApplication:
    """The application, with messages about its start on the terminal."""

    def __init__(
        self,
        portico: Any,
        server: ServerSettings,
        listens: tuple[str, int],
        start: WorkerStart,
        lifecycle: WorkerLifecycle,
    ) -> None:
        address, port = listens
        self.portico, self.application = portico, portico.application
        self.host, self.port = display_host(address), port
        self._start, self._lifecycle = start, lifecycle
        self._send_timeout = server.send_timeout
        self.url = f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Call the application. Called by granian."""
        if scope["type"] != "lifespan":
            await self.portico(scope, receive, send)
            return

        async def send_and_report(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._drain_on_signal()
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._announcing = asyncio.create_task(self._print_ready_line())
            elif message["type"] == "lifespan.startup.failed":
                self._start.fail(str(message["message"]).splitlines())

        await self.portico(scope, receive, send_and_report)

    async def _print_ready_line(self) -> None:
        """Print the ready line once connections are accepted: granian listens only after the start of the application."""
        from portico.web.middleware.tcp_sockets import close_stalled_connections

        try:
            async with asyncio.timeout(REACHABLE_TIMEOUT_SECONDS):
                while not await _is_ready(self.host, self.port):  # noqa: ASYNC110 - there is no event to wait for
                    await asyncio.sleep(0.005)
        except TimeoutError:
            self._start.fail(
                [
                    f"the server listens on port {self.port}, but {self.host} cannot be reached there from this machine. "
                    "Choose another address with --host."
                ]
            )
            return
        close_stalled_connections(self.port, 2 * self._send_timeout)
        lines = [f"Portico is ready at {self.url}"]
        has_accounts = True
        # The database may have become unavailable just now, which `/ready` reports.
        with contextlib.suppress(DomainError):
            has_accounts = await self.application.has_accounts()
        if not has_accounts:
            lines.append(
                f"  The first account to sign up becomes the administrator: POST {self.url}/api/v1/auths/signup"
            )
        lines.append(f"  API documentation: {self.url}/docs    Stop: Ctrl-C")
        self._start.ready()
        print_message("\n".join(lines))

    def _drain_on_signal(self) -> None:
        """Start draining on SIGTERM and SIGINT. Granian's own handler would wait for endless streams for ever."""
        loop, drain = asyncio.get_running_loop(), self.application.drain
        self._lifecycle.loop = loop
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(drain.start))


def display_host(host: str) -> str:
    """Return the host at which a server that listens on `host` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


async def _is_ready(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


def _bindable(server: ServerSettings) -> tuple[str, int]:
    """Return the numeric address and the port to listen on. Raises: CannotServe if they cannot be used."""
    where = f"{server.host}:{server.port}"
    try:
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
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise CannotServe(
            f"cannot listen on {where}: {why}. Choose another with --port or --host."
        ) from None
