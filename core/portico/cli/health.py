"""`portico health`: asks the server or the worker of this machine whether it works, for supervisors and containers.

It is called every few seconds, so it imports no plugin, no web framework and no database.
"""

import asyncio
import http.client
import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from portico.cli.context import CLIContext
from portico.server.unix_socket import unix_socket_path
from portico.settings.load import LoadedSettings
from portico.settings.server import reachable_host
from portico.terminal.text import shortened

#: Seconds to wait for an answer. A check of `/ready` may take five.
TIMEOUT_SECONDS = 10.0


@click.command()
@click.option(
    "--ready",
    is_flag=True,
    help="Ask whether the server is ready for requests, with its database; else only whether it answers.",
)
@click.option(
    "--worker", is_flag=True, help="Ask the workers of this machine, instead of the server."
)
@click.option("--host", "HOST", help="Address on which the server listens. Sets HOST.")
@click.option("--port", "PORT", type=click.IntRange(1, 65535), help="Its TCP port. Sets PORT.")
@click.option(
    "--unix-socket",
    "PORTICO_UNIX_SOCKET",
    type=click.Path(dir_okay=False),
    help="Path of its Unix socket, instead of host and port. Sets PORTICO_UNIX_SOCKET.",
)
@click.pass_obj
def health(context: CLIContext, /, ready: bool, worker: bool, **options: Any) -> None:
    """Ask the server of this machine whether it works: exit code 0 = yes, 1 = no, with one sentence."""
    if ready and worker:
        raise click.UsageError(
            "--ready is about a server, --worker about workers: give one of them."
        )
    loaded = context.load_settings(**options)
    settings = loaded.settings
    if worker:
        from portico.worker.status import ask_workers

        is_well, sentence = asyncio.run(ask_workers(Path(settings.data_dir).absolute()))
    else:
        is_well, sentence = _ask(loaded, "/ready" if ready else "/health")
    click.echo(shortened(sentence), err=not is_well)
    raise SystemExit(0 if is_well else 1)


def _ask(loaded: LoadedSettings, path: str) -> tuple[bool, str]:
    if unix_socket := unix_socket_path(loaded):
        return _ask_server(UnixSocketConnection(unix_socket), f"unix:{unix_socket}", path)
    server = loaded.settings.server
    host = reachable_host(server.host)
    where = f"http://{f'[{host}]' if ':' in host else host}:{server.port}"
    try:
        connection = http.client.HTTPConnection(host, server.port, timeout=TIMEOUT_SECONDS)
        return _ask_server(connection, where, path)
    except (http.client.InvalidURL, UnicodeError):
        return False, f"server.host is no host name: {host!r}."


class UnixSocketConnection(http.client.HTTPConnection):
    """An HTTP connection to a server that listens on a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect. Called by `request`. Raises: OSError."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _ask_server(connection: http.client.HTTPConnection, where: str, path: str) -> tuple[bool, str]:
    """Return whether the server answers with 200, and a sentence. Raises: InvalidURL, UnicodeError for no host name."""
    try:
        with closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            status, body = response.status, response.read()
    except http.client.InvalidURL:
        raise
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return False, f"No server answers at {where}: {why}."
    if status == http.HTTPStatus.OK:
        return True, f"The server at {where} {'is ready' if path == '/ready' else 'answers'}."
    return False, f"The server at {where} is not ready: {_reasons(body) or f'status {status}'}."


def _reasons(body: bytes) -> str:
    """Return the critical reasons in an answer of `/ready`, as the rest of a sentence."""
    try:
        reasons = json.loads(body)["reasons"]
        return "; ".join(f"{one['check']}: {one['reason']}" for one in reasons if one["critical"])
    except (ValueError, LookupError, TypeError):
        return ""
