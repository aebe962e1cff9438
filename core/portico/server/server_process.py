"""A server process: builds the application that granian serves, reports when it is ready, and ends in order."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

from portico.errors import DomainError, OperatorError, error_location
from portico.server.log_writer import LogWriter, take_over_streams
from portico.server.process_pipe import ProcessPipe
from portico.server.process_start import ProcessStart, print_message
from portico.settings.load import LoadedSettings
from portico.settings.server import ServerSettings, reachable_host

#: Seconds in which a server process must accept connections after its start.
REACHABLE_TIMEOUT_SECONDS = 10
#: Seconds in which a server process ends after its application has.
EXIT_SECONDS = 0.5
#: New objects after which the garbage collector runs. Python's own 700 are those of one request.
GC_OBJECTS = 10_000


class Listens(NamedTuple):
    """Where the server listens: a numeric address and a port, or the path of a Unix socket."""

    address: str
    port: int
    path: Path | None = None

    @property
    def url(self) -> str:
        """The URL of the server on this machine; `unix:` and the path of a Unix socket."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = reachable_host(self.address)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def load(
    loaded: LoadedSettings,
    listens: Listens,
    start: ProcessStart,
    pipe: ProcessPipe,
    number: int,
) -> Any:
    """Return the application of one server process. Called by granian in that process. `number`: counts from 1."""
    writer = take_over_streams()
    start.begin(number, writer)
    lifecycle = ProcessLifecycle(start, writer)
    pipe.watch(lifecycle.stopping, lifecycle.main_process_ended)
    from portico.app import Portico
    from portico.boot import MIGRATING
    from portico.server.logging import configure_logging
    from portico.settings.secret_key import ensure_secret_key

    configure_logging(
        loaded.settings.log, writer=writer, process=number if start.count > 1 else None
    )
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


def _relieve_garbage_collector() -> None:
    """Exempt what was loaded from garbage collection, which would stop the event loop for longer than a request takes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, *gc.get_threshold()[1:])


class ProcessLifecycle:
    """Stops a server process when its main process says so or dies. Its methods are called in a thread of the process."""

    def __init__(self, start: ProcessStart, writer: LogWriter) -> None:
        self._start, self._writer = start, writer
        self.application: Any = None
        self.loop: asyncio.AbstractEventLoop | None = None
        # Replace handlers inherited from the main process: until the application has its own, a signal ends the process.
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
        name = self._start.name
        print_message(f"The main process has ended, so {name[0].lower()}{name[1:]} ends too.")
        self._end(1)

    def ended(self) -> None:
        """Exit soon: the application has ended. A thread of a plugin could keep the process for as long as it likes."""
        timer = threading.Timer(EXIT_SECONDS, self._end, (0,))
        timer.daemon = True
        timer.start()

    def _end(self, code: int) -> None:
        self._writer.close()
        os._exit(code)


class ServedApplication:
    """The application, with messages about its start on the terminal."""

    def __init__(
        self,
        portico: Any,
        server: ServerSettings,
        listens: Listens,
        start: ProcessStart,
        lifecycle: ProcessLifecycle,
    ) -> None:
        self.portico, self.application = portico, portico.application
        self._listens, self.url = listens, listens.url
        self._start, self._lifecycle = start, lifecycle
        self._send_timeout = server.send_timeout
        self._trusted_proxies = server.trusted_proxies

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Call the application. Called by granian."""
        if scope["type"] != "lifespan":
            await self.portico(scope, receive, send)
            return

        self._watch_cancellation()

        async def send_and_report(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
                # Before the first client, so that it misses no event of another instance.
                await self.application.instance_channel.wait_until_known()
                self._drain_on_signal()
                _relieve_garbage_collector()
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._announcing = asyncio.create_task(self._report_ready())
            elif message["type"] == "lifespan.startup.failed":
                self._start.fail(str(message["message"]).splitlines())
            elif message["type"] == "lifespan.shutdown.complete":
                self._lifecycle.ended()

        await self.portico(scope, receive, send_and_report)

    def _watch_cancellation(self) -> None:
        """Fail the start if a plugin cancels the task of granian that waits for it: the process would end without a word."""
        from portico.boot import MIGRATING

        def report(task: asyncio.Task[Any]) -> None:
            if task.cancelled() and not self._start.is_ready:
                application = self.application
                is_migrating = application.doing == MIGRATING and application.migration
                doing = application.migration if is_migrating else application.doing
                self._start.fail([f"a plugin cancelled all tasks while the server was {doing}"])

        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.add_done_callback(report)

    async def _report_ready(self) -> None:
        """Report the ready line once connections are accepted: granian listens only after the start of the application."""
        from portico.web.middleware.proxies import UNIX_PEER

        # A Unix socket accepts connections from the beginning; they wait for this process.
        if self._listens.path is None and not await self._accepts_connections():
            return
        lines = [f"Portico is ready at {self.url}"]
        prefix = "" if self._listens.path else self.url
        has_accounts = True
        # The database may have become unavailable just now, which `/ready` reports.
        with contextlib.suppress(DomainError):
            has_accounts = await self.application.has_accounts()
        if not has_accounts:
            lines.append(
                f"  The first account to sign up becomes the administrator: POST {prefix}/api/v1/auths/signup"
            )
        if self._listens.path and UNIX_PEER not in self._trusted_proxies:
            lines.append(
                "  All clients count as one address: with a proxy in front that reports theirs, set "
                'server.trusted_proxies = ["unix"]'
            )
        lines.append(f"  API documentation: {prefix}/docs    Stop: Ctrl-C")
        self._start.ready("\n".join(lines))

    async def _accepts_connections(self) -> bool:
        """Return whether this process accepts connections to its port; if not, the start has failed."""
        from portico.web.middleware.tcp_sockets import close_stalled_connections, is_listening

        host, port = reachable_host(self._listens.address), self._listens.port
        try:
            async with asyncio.timeout(REACHABLE_TIMEOUT_SECONDS):
                # Connecting would reach any of several server processes.
                while not is_listening(port):  # noqa: ASYNC110 - there is no event to wait for
                    await asyncio.sleep(0.005)
                while not await _is_reachable(host, port):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        except TimeoutError:
            self._start.fail(
                [
                    f"the server listens on port {port}, but {host} cannot be reached there from this machine. "
                    "Choose another address with --host."
                ]
            )
            return False
        close_stalled_connections(port, 2 * self._send_timeout)
        return True

    def _drain_on_signal(self) -> None:
        """Start draining on SIGTERM and SIGINT. Granian's own handler would wait for endless streams for ever."""
        loop, drain = asyncio.get_running_loop(), self.application.drain
        self._lifecycle.loop = loop
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(drain.start))


async def _is_reachable(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
