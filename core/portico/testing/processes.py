"""Real server processes for tests."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from portico.testing.client import Client, HTTPTransport


class ServerProcess:
    """`portico serve` as a real process. `url`: its address, after `start` has returned.

    `python`: the interpreter in whose environment Portico is installed.
    """

    def __init__(
        self, environment: Mapping[str, str], directory: Path, python: str | Path = sys.executable
    ) -> None:
        self.environment, self.directory, self.python = dict(environment), directory, python
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self, *options: str, timeout: float = 30) -> "ServerProcess":
        """Start it and wait for the ready line. `timeout`: seconds. Raises: RuntimeError with its output."""
        self.log = (self.directory / "server.log").open("a+")
        self.log.seek(0, os.SEEK_END)
        begin = self.log.tell()
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [self.python, "-m", "portico", "serve", "--port", str(self._port()), *options],
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
            if "Portico is ready at " in output:
                self.url = output.split("Portico is ready at ", 1)[1].split()[0]
                return self
            if self.process.poll() is not None:
                raise RuntimeError(output)
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"not ready after {timeout} s: {output}")

    def _port(self) -> int:
        """Return 0 (any free port) at the first start, and the same port again after a restart."""
        return urllib.parse.urlsplit(self.url).port or 0

    @property
    def client(self) -> Client:
        """A client that is not signed in."""
        return Client(HTTPTransport(self.url))

    def client_at(self, address: str) -> Client:
        """Return a client with another address of this machine, such as 127.0.0.2."""
        return Client(HTTPTransport(self.url, source=address))

    @property
    def log_text(self) -> str:
        """All output of the server so far, of earlier starts too."""
        return (self.directory / "server.log").read_text()

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


def bare_environment() -> dict[str, str]:
    """Return this process's environment without variables that Portico would read as settings."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in keep if name in os.environ}  # noqa: TID251 - a child's
