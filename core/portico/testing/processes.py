"""Portico in a process of its own: the server behind a real port."""

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


class Server:
    """`portico serve` as a real process. `url`: where it listens once `start` has returned.

    `python`: the interpreter of the environment in which Portico is installed.
    """

    def __init__(
        self, environment: Mapping[str, str], directory: Path, python: str | Path = sys.executable
    ) -> None:
        self.environment, self.directory, self.python = dict(environment), directory, python
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self, *options: str, timeout: float = 30) -> "Server":
        """Start it and wait for the ready line. `timeout`: seconds. Raises RuntimeError with its last words."""
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
            said = self.log.read()
            if "Portico is ready at " in said:
                self.url = said.split("Portico is ready at ", 1)[1].split()[0]
                return self
            if self.process.poll() is not None:
                raise RuntimeError(said)
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"not ready after {timeout} s: {said}")

    def _port(self) -> int:
        """Any free one at first; the same again after a restart, as clients would expect."""
        return urllib.parse.urlsplit(self.url).port or 0

    @property
    def client(self) -> Client:
        return Client(HTTPTransport(self.url))

    def client_at(self, address: str) -> Client:
        """Somebody who comes from another address of this machine, such as 127.0.0.2."""
        return Client(HTTPTransport(self.url, source=address))

    @property
    def log_text(self) -> str:
        return (self.directory / "server.log").read_text()

    def kill(self) -> None:
        """SIGKILL to the whole process group: nobody gets to say goodbye."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.log.close()
            self.process = None

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM, and wait. Returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout)
        self.log.close()
        self.process = None
        return code


def bare_environment() -> dict[str, str]:
    """This process's environment without anything that Portico would read as a setting."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in keep if name in os.environ}  # noqa: TID251 - a child's
