"""A server process that listens on a Unix socket."""

from collections.abc import Mapping
from pathlib import Path

from portico.cli.health import UnixSocketConnection
from portico.testing import ServerProcess


class UnixServer(ServerProcess):
    """`portico serve --unix-socket`, with `count` server processes."""

    def __init__(
        self, environment: Mapping[str, str], directory: Path, path: Path, count: int = 1
    ) -> None:
        super().__init__(environment, directory)
        self.path, self.count = path, count

    def _command(self) -> list[str]:
        return ["serve", "--unix-socket", str(self.path), "--workers", str(self.count)]

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> int:
        """The status of the response to a GET request."""
        connection = UnixSocketConnection(self.path)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            return connection.getresponse().status
        finally:
            connection.close()
