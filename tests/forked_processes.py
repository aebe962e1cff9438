"""Processes of the tests, forked from a process that has imported Portico already.

Two thirds of the computing time of a short-lived server are its imports, and two thirds of the rest is what Litestar
does to register 300 handlers (`tests.sharing`, `tests.shared_routes`). A forked process runs the same command with its own session, directory,
environment, module path and streams; only what an interpreter does before that is left out, and nothing of Portico
happens on import. `python -m portico` as a new interpreter is what tests get that start it by themselves or with
`cli.process`, all processes with an environment that the interpreter reads, and every process with TEST_FORK=no.

Servers and workers of the test kit are forked; other modules by tests that call `popen`. All workers of pytest-xdist have
one origin in common, which `tests.preloaded_workers` starts.
"""

import asyncio
import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path
from typing import IO, Any

from tests.shared_routes import share_routes
from tests.sharing import share

from portico.testing.processes import PorticoProcess, bare_environment

#: A message about a forked process: its id once it runs, or its exit code.
_MESSAGE = struct.Struct("!ci")
_STARTED, _ENDED = b"s", b"e"
#: The variable with the path of the socket of an origin that other processes have started.
_SHARED = "TEST_ORIGIN_SOCKET"
#: Variables that are read before a program begins. A forked process sets its module path itself.
_OF_INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "MALLOC")
_MAX_REQUEST_BYTES = 200_000
#: The URL of a Redis that nothing connects to.
UNUSED = "redis://127.0.0.1:1"


def is_forking_chosen() -> bool:
    """Return whether processes are to be forked."""
    is_refused = os.environ.get("TEST_FORK", "") == "no"  # noqa: TID251 - a choice of the tests
    return sys.platform == "linux" and not is_refused


def share_imports() -> None:
    """Fork the servers and workers of the tests; called once in each process of the tests."""
    PorticoProcess.popen = _ORIGIN.popen  # type: ignore[assignment]


def start_shared_origin(path: Path) -> None:
    """Start the origin of this process and of those that it starts, which find it at this path."""
    with listening_socket(path) as listener:
        _ORIGIN.start(listener)
    os.environ[_SHARED] = str(path)  # noqa: TID251 - inherited by the workers


def listening_socket(path: Path) -> socket.socket:
    """Return a socket at this path, at which an origin waits for requests."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen()
    return listener


def popen(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """As `subprocess.Popen` for `[sys.executable, "-m", …]`, in a session of its own.

    Streams that are not given are pipes. `options`: cwd, env, and stdin, stdout, stderr: files or their descriptors.
    """
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": sys.stderr} | options
    start = _ORIGIN.popen if is_forking_chosen() else subprocess.Popen
    return start(command, text=True, start_new_session=True, **options)


def _of_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_OF_INTERPRETER) and name != "PYTHONPATH"
    }


class Origin:
    """The process that has imported Portico. It is started when it is needed first, and ends with this process."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        #: What other processes have in common. One that differs must not decide how the origin is started.
        self._interpreter = _of_interpreter(bare_environment())
        self._lock = threading.Lock()

    def popen(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Replaces `subprocess.Popen` for `python -m portico …` in a session of its own."""
        environment: dict[str, str] = options["env"]
        with self._lock:
            if self._control is None:
                self.start()
        if command[0] == sys.executable and _of_interpreter(environment) == self._interpreter:
            # If the origin has died, for example of an error in a module, a new interpreter shows the reason.
            with suppress(OSError, struct.error):
                return self._fork(command, options)
        return subprocess.Popen(command, **options)

    def start(self, listener: socket.socket | None = None) -> None:
        """Start it, unless there is a shared one. `listener`: where it waits for requests of other processes."""
        shared = os.environ.get(_SHARED)  # noqa: TID251 - a choice of the tests
        if shared:
            self._control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.connect(shared)
        else:
            self._control = start_origin(__name__, listener, bare_environment())

    def _fork(self, command: Sequence[str], options: Mapping[str, Any]) -> "ForkedProcess":
        assert self._control is not None
        streams = Streams.of(options)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"words": command[2:], "cwd": str(options["cwd"]), "env": options["env"]}
        with theirs:
            descriptors = [*streams.theirs, theirs.fileno()]
            socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
        streams.close_theirs()
        return ForkedProcess(command, ours, streams)


def start_origin(
    module: str,
    listener: socket.socket | None,
    environment: Mapping[str, str],
    arguments: Sequence[str] = (),
) -> socket.socket:
    """Start an origin: this module of the tests. Returns a socket for requests; when it is closed, the origin ends."""
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        inherited = [one.fileno() for one in (theirs, listener) if one is not None]
        numbers = ",".join(map(str, inherited))
        process = subprocess.Popen(
            [sys.executable, "-m", module, numbers, *arguments],
            env=dict(environment),
            pass_fds=inherited,
        )
    atexit.register(process.wait)
    atexit.register(control.close)
    return control


class Streams:
    """The three streams of a process: its own ends, and those of this process where they are pipes."""

    def __init__(self) -> None:
        self.theirs: list[int] = []
        self.ours: list[IO[str] | None] = []
        self._opened: list[int] = []

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Streams":
        """Return the streams for these options of `popen`. Standard input is empty if it is not given."""
        found = cls()
        for name, mode in (("stdin", "w"), ("stdout", "r"), ("stderr", "r")):
            given = options.get(name, subprocess.DEVNULL)
            if given == subprocess.PIPE:
                ends = os.pipe()
                their, our = ends if mode == "w" else ends[::-1]
                found._opened.append(their)
                found.ours.append(open(our, mode))  # noqa: SIM115 - closed by the process
            else:
                found.ours.append(None)
                if given == subprocess.DEVNULL:
                    their = os.open(os.devnull, os.O_RDWR)
                    found._opened.append(their)
                else:
                    their = given if isinstance(given, int) else given.fileno()
            found.theirs.append(their)
        return found

    def close_theirs(self) -> None:
        """Close the ends of the other process, which has its own."""
        for descriptor in self._opened:
            os.close(descriptor)


class ForkedProcess(subprocess.Popen[str]):
    """A process whose parent is the origin, which reports its exit code to `reports`."""

    def __init__(self, command: Sequence[str], reports: socket.socket, streams: Streams) -> None:
        self._child_created = False  # what `Popen.__del__` asks
        self.args, self._reports = command, reports
        self.stdin, self.stdout, self.stderr = streams.ours
        self.returncode: int | None = None  # type: ignore[assignment]
        kind, self.pid = _MESSAGE.unpack(reports.recv(_MESSAGE.size))
        assert kind == _STARTED, f"{command} cannot be started"

    def communicate(
        self, input: str | None = None, timeout: float | None = None
    ) -> tuple[str, str]:
        """Write to its standard input, and read what it prints until its end. Returns output and errors."""
        if self.stdin is not None and not self.stdin.closed:
            with suppress(BrokenPipeError), self.stdin as stdin:
                stdin.write(input or "")
        texts = [
            stream.read() if stream is not None and not stream.closed else ""
            for stream in (self.stdout, self.stderr)
        ]
        self.wait(timeout)
        self.close()
        return texts[0], texts[1]

    def close(self) -> None:
        """Close the pipes."""
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def poll(self) -> int | None:
        """Return the exit code; None = it still runs."""
        return self._report(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code. Raises: TimeoutExpired."""
        code = self._report(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def _report(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        ready = select.poll()  # unlike `select`, also for more than 1,024 open files
        ready.register(self._reports, select.POLLIN)
        if ready.poll(None if timeout is None else timeout * 1000):
            _, self.returncode = _MESSAGE.unpack(self._reports.recv(_MESSAGE.size))
            self._reports.close()
        return self.returncode


_ORIGIN = Origin()


# -- in the origin ------------------------------------------------------------------------------------------


def _modules() -> Iterator[str]:
    """Yield the modules of a server."""
    yield from ("granian.server", "uvloop")
    for name in ("portico", *(point.value for point in entry_points(group="portico"))):
        package = importlib.import_module(name)
        folders = getattr(package, "__path__", ())  # a plugin of one module has none
        for found in pkgutil.walk_packages(folders, f"{name}."):
            if not any(part in found.name for part in ("__main__", ".migrations", ".testing")):
                yield found.name


def _start_once() -> None:
    """Start and stop an application, which fills the caches of `tests.sharing` and `tests.shared_routes`.

    Forked processes inherit them, and nothing else: an application leaves no state in modules.
    """
    from portico.app import Portico
    from portico.settings.load import load_settings

    share()
    share_routes()

    async def start_and_stop(environment: Mapping[str, str]) -> None:
        application = Portico(load_settings(environ=environment))
        await application.start()
        await application.stop()

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        asyncio.run(start_and_stop({"DATA_DIR": folder}))
        # An application with Redis has a check more, so its routes are others.
        Portico(load_settings(environ={"DATA_DIR": folder, "REDIS_URL": UNUSED}))._build_routes()
    gc.collect()


def forked_for_requests(sockets: Sequence[socket.socket]) -> Iterator[tuple[bytes, list[int]]]:
    """Fork for each request. Yields in the forked processes only: the request, and their streams and reports.

    `sockets`: the one of the process that has started this one, and one at which others connect, if there is any. Ends
    when the first is closed.
    """
    waiting = selectors.DefaultSelector()
    for one in sockets:
        waiting.register(one, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj in sockets[1:]:
                waiting.register(sockets[1].accept()[0], selectors.EVENT_READ)
            elif isinstance(key.fileobj, socket.socket):
                data, descriptors, _, _ = socket.recv_fds(key.fileobj, _MAX_REQUEST_BYTES, 4)
                if not data:
                    if key.fileobj is sockets[0]:
                        return
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()
                    continue
                process = os.fork()
                if not process:
                    for other in [*waiting.get_map().values()]:
                        os.close(other.fd)
                        if isinstance(other.fileobj, socket.socket):
                            other.fileobj.detach()
                        else:
                            os.close(other.data[1])
                    waiting.close()
                    yield data, descriptors
                    return
                *streams, reports = descriptors
                for descriptor in streams:
                    os.close(descriptor)
                ended = os.pidfd_open(process)
                waiting.register(ended, selectors.EVENT_READ, (process, reports))
            else:
                process, reports = key.data
                waiting.unregister(key.fileobj)
                os.close(key.fd)
                _, status = os.waitpid(process, 0)
                code = os.waitstatus_to_exitcode(status)
                with socket.socket(fileno=reports) as to_tests, suppress(OSError):
                    to_tests.send(_MESSAGE.pack(_ENDED, code))


def take_streams(descriptors: Sequence[int]) -> None:
    """Make these the standard streams of this process, and report that it has started."""
    *streams, reports = descriptors
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    with socket.socket(fileno=reports) as to_tests:
        to_tests.send(_MESSAGE.pack(_STARTED, os.getpid()))


def _become(request: Any, descriptors: Sequence[int]) -> None:
    """Give this process what `subprocess.Popen` would have given it."""
    environment: dict[str, str] = request["env"]
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()  # noqa: TID251
    os.environ.update(environment)  # noqa: TID251
    path = [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[0:1] = [request["cwd"], *(folder for folder in path if folder not in sys.path)]
    importlib.invalidate_caches()
    sys.argv[1:] = request["words"][1:]
    take_streams(descriptors)
    os.closerange(3, 4096)


def inherited_sockets() -> list[socket.socket]:
    """Return the sockets that an origin is given by `start_origin`."""
    return [socket.socket(fileno=int(number)) for number in sys.argv[1].split(",")]


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to this process, too
    sockets = inherited_sockets()
    for name in _modules():
        importlib.import_module(name)
    _start_once()
    gc.freeze()
    for data, descriptors in forked_for_requests(sockets):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        request = json.loads(data)
        _become(request, descriptors)
        runpy.run_module(request["words"][0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
