"""Serving: one granian main process that watches, one worker that works, and a line that says where to go.

The main process stays light: it checks the settings and the port. The worker alone imports the plugins.
"""

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

from portico.errors import OperatorError
from portico.server.log_writer import take_over_streams
from portico.settings.load import Loaded
from portico.settings.server import ServerSettings

#: Seconds beyond the grace in which a worker that hangs is killed.
PATIENCE = 5


class CannotServe(OperatorError):
    """Serving cannot begin; the text says what to do about it."""


def serve(loaded: Loaded) -> None:
    """Serve until told to stop (SIGTERM, SIGINT). Raises: CannotServe, here or by its worker's mouth."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings

    server = loaded.settings.server
    if server.workers > 1:
        raise CannotServe(
            f"server.workers = {server.workers}: several worker processes need Redis to keep in step with one "
            "another, and this version cannot use it yet. Set it to 1; one worker streams to thousands."
        )
    port = _free_port(server) if server.port == 0 else _checked_port(server)
    granian = Granian(
        target="portico",
        address=server.host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        # Also what ends a connection on which nothing is asked any more.
        http1_settings=HTTP1Settings(header_read_timeout=int(server.header_timeout * 1000)),
        loop=Loops.uvloop,
        websockets=True,
        workers=1,
        backlog=4096,
        backpressure=4096,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=int(server.grace) + PATIENCE,
        log_enabled=False,
    )
    refusal = Refusal()
    granian.serve(target_loader=partial(load, loaded, port, refusal), wrap_loader=False)
    if refusal.was_given:
        sys.exit(1)


class Refusal:
    """How a worker that cannot start says so, once, and has the main process give up instead of trying again."""

    def __init__(self) -> None:
        self._given = multiprocessing.Event()

    @property
    def was_given(self) -> bool:
        return self._given.is_set()

    def give(self, reasons: list[str]) -> None:
        """Tell the person at the terminal, then the main process. Called in the worker."""
        _say("\n  ".join(["Portico cannot start:", *reasons]))
        self._given.set()
        os.kill(os.getppid(), signal.SIGTERM)


def load(loaded: Loaded, port: int, refusal: Refusal) -> Any:
    """The application of one worker. Called by granian in the worker process."""
    from portico.app import Portico
    from portico.server.log import set_up
    from portico.settings.secret_key import ensure_secret_key

    set_up(loaded.settings.log, writer=take_over_streams())
    try:
        secret = ensure_secret_key(loaded.settings, Path(loaded.settings.data_dir).absolute())
        application = Portico(loaded, secret)
        application.must_open()
    except OperatorError as error:
        refusal.give(str(error).splitlines())
        sys.exit(1)
    return Ready(application, loaded.settings.server, port, refusal)


class Ready:
    """The application, and what people see of its start and end in the terminal."""

    def __init__(
        self, application: Any, server: ServerSettings, port: int, refusal: Refusal
    ) -> None:
        self.refusal = refusal
        self.application, self.host, self.port = application, reachable(server.host), port
        self.url = f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes everything on. Called by granian."""
        if scope["type"] != "lifespan":
            await self.application(scope, receive, send)
            return

        async def telling(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._drain_on_signal()
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._greeting = asyncio.create_task(self._greet())
            elif message["type"] == "lifespan.startup.failed":
                self.refusal.give(str(message["message"]).splitlines())

        await self.application(scope, receive, telling)

    async def _greet(self) -> None:
        """Say so once somebody who believes it would be let in: granian listens only after the start-up."""
        while not await _answers(self.host, self.port):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)
        lines = [f"Portico is ready at {self.url}"]
        if not await self.application.anybody_here():
            lines.append(
                f"  Sign up first to become its administrator: POST {self.url}/api/v1/auths/signup"
            )
        lines.append(f"  The API, drawn: {self.url}/docs    Stop: Ctrl-C")
        _say("\n".join(lines))

    def _drain_on_signal(self) -> None:
        """Begin to drain at once. Granian's own handler still runs; it would wait for endless streams for ever."""
        loop, drain = asyncio.get_running_loop(), self.application.drain
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(drain.start))


def reachable(host: str) -> str:
    """The host under which somebody on this machine finds a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


async def _answers(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


def _checked_port(server: ServerSettings) -> int:
    """Fail now, in words, rather than in the worker with a traceback."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, server.port))
        except OSError as error:
            raise CannotServe(
                f"cannot listen on {server.host}:{server.port}: {error.strerror or error}. "
                "Choose another with --port or --host."
            ) from None
    return server.port


def _free_port(server: ServerSettings) -> int:
    with socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET) as probe:
        probe.bind((server.host, 0))
        return int(probe.getsockname()[1])


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
