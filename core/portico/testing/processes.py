"""Real server and worker processes for tests."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from portico.testing.client import Client, HTTPTransport


class PorticoProcess:
    """A command that runs until it is stopped, as a real process. Its output is added to the file `log_name`.

    `python`: the interpreter in whose environment Portico is installed.
    """

    log_name = "portico.log"
    #: What the process prints once it is ready.
    ready_text = ""
    #: What starts the process.
    popen = subprocess.Popen

    def __init__(
        self, environment: Mapping[str, str], directory: Path, python: str | Path = sys.executable
    ) -> None:
        self.environment, self.directory, self.python = dict(environment), directory, python
        self.process: subprocess.Popen[str] | None = None

    def _command(self) -> list[str]:
        """Return the words of the command."""
        raise NotImplementedError

    def _on_ready(self, output: str) -> None:
        """Read the output of a process that is ready."""

    def start(self, *options: str, timeout: float = 30) -> Self:
        """Start it and wait for the ready line. `timeout`: seconds. Raises: RuntimeError with its output."""
        self.log = (self.directory / self.log_name).open("a+")
        self.log.seek(0, os.SEEK_END)
        begin = self.log.tell()
        self.process = self.popen(
            [self.python, "-m", "portico", *self._command(), *options],
            env={**bare_environment(), **self.environment},
            cwd=self.directory,
            stdout=self.log,
            stderr=self.log,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.log.seek(begin)
            output = self.log.read()
            if self.ready_text in output:
                self._on_ready(output)
                return self
            if self.process.poll() is not None:
                raise RuntimeError(output)
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"not ready after {timeout} s: {output}")

    @property
    def log_text(self) -> str:
        """All output of the process so far, of earlier starts too."""
        return (self.directory / self.log_name).read_text()

    def kill(self) -> None:
        """Send SIGKILL to the whole process group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.log.close()
            self.process = None

    def stop(self, timeout: float = 30) -> int:
        """Send SIGTERM, and wait. Returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout)
        self.log.close()
        self.process = None
        return code


class ServerProcess(PorticoProcess):
    """`portico serve` as a real process. `url`: its address, after `start` has returned."""

    log_name = "server.log"
    ready_text = "Portico is ready at "
    url = ""

    def _command(self) -> list[str]:
        # Any free port at the first start, and the same port again after a restart.
        return ["serve", "--port", str(urllib.parse.urlsplit(self.url).port or 0)]

    def _on_ready(self, output: str) -> None:
        self.url = output.split(self.ready_text, 1)[1].split(maxsplit=1)[0]

    @property
    def client(self) -> Client:
        """A client that is not signed in."""
        return Client(HTTPTransport(self.url))

    def client_at(self, address: str) -> Client:
        """Return a client with another address of this machine, such as 127.0.0.2."""
        return Client(HTTPTransport(self.url, source=address))


class WorkerProcess(PorticoProcess):
    """`portico worker` as a real process. Several of one directory write to the same file."""

    log_name = "worker.log"
    ready_text = "Portico worker is ready"

    def _command(self) -> list[str]:
        return ["worker"]


def bare_environment() -> dict[str, str]:
    """Return this process's environment without variables that Portico would read as settings."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in keep if name in os.environ}  # noqa: TID251 - a child's
