"""Runs what `deploy/compose.scale.yaml` describes as processes of this machine, without images.

Commands, variables and health checks are those of the file; only what names another machine is replaced: the address and
port of each process, its data directory, the URLs of PostgreSQL and Redis, and the network of the proxies. The load balancer
is HAProxy with `deploy/haproxy.cfg`, whose ports and servers are replaced in the same way, and which serves without TLS.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.balancers import PATIENCE, Balancer
from tests.deployment import DEPLOY, Service, read_compose, read_dockerfile
from tests.forked_processes import popen
from tests.redis_server import free_port

from portico.testing import Client, ServerProcess, WorkerProcess
from portico.testing.client import HTTPTransport
from portico.testing.processes import bare_environment
from portico.testing.response import Response
from portico.testing.websockets import Socket

SCALE = DEPLOY / "compose.scale.yaml"
#: The data directory of the image, which each process has for itself.
IMAGE_DATA = "/var/lib/portico"
SECRETS = {
    "WEBUI_SECRET_KEY": "4f9a1c07be52d8630e7b94aa15c2f6d08b3e71950cad46f8",
    "POSTGRES_PASSWORD": "dbsecret",
}


class ComposedServer(ServerProcess):
    """A server with the command of a service."""

    command: list[str]

    def _command(self) -> list[str]:
        return self.command


class ComposedWorker(WorkerProcess):
    """A worker with the command of a service."""

    command: list[str]

    def _command(self) -> list[str]:
        return self.command


@dataclass(frozen=True)
class ProxiedTransport(HTTPTransport):
    """Sends requests as the load balancer does that ends TLS. HAProxy replaces these headers."""

    def __call__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> Response:
        """Send one request, and wait for the whole response."""
        return super().__call__(method, target, [*headers, ("x-forwarded-proto", "https")], body)

    def connect(self, target: str, headers: list[tuple[str, str]]) -> Socket:
        """Open a web socket. Raises: HandshakeRefused."""
        return super().connect(target, [*headers, ("x-forwarded-proto", "https")])


@dataclass
class Cluster:
    """The running processes, and the load balancer in front of the servers."""

    servers: list[ComposedServer]
    workers: list[ComposedWorker]
    balancer: Balancer
    database_url: str

    def at(self, number: int, user: Client | None = None) -> Client:
        """Return a client of one server, signed in as the user."""
        return _client(self.servers[number].url, user)

    def behind_balancer(self, user: Client | None = None) -> Client:
        """Return a client of the load balancer, signed in as the user."""
        return _client(self.balancer.url, user)


def _client(url: str, user: Client | None) -> Client:
    made = Client(ProxiedTransport(url, timeout=PATIENCE))
    return Client(made.transport, user.token, user.account) if user is not None else made


class ComposedProcesses:
    """Makes processes of the services of `compose.scale.yaml`. `folder`: for their data and their output."""

    def __init__(
        self, folder: Path, database_url: str, redis_url: str, given: Mapping[str, str]
    ) -> None:
        self._folder, self._addresses = folder, (database_url, redis_url)
        self.services = read_compose(SCALE, SECRETS | given)
        self.image = read_dockerfile(DEPLOY / "Dockerfile")[-1]
        assert self.image.words("ENTRYPOINT") == ["portico"]

    @property
    def servers(self) -> list[Service]:
        """The services that are servers."""
        return [one for name, one in self.services.items() if name.startswith("server-")]

    def server(self, number: int) -> ComposedServer:
        """Return one server, not started yet."""
        service, folder = self.services[f"server-{number}"], self._new_folder(f"server-{number}")
        made = ComposedServer(self.environment(service, folder, free_port()), folder)
        made.command = self.command(service)
        return made

    def worker(self, number: int) -> ComposedWorker:
        """Return one worker, not started yet."""
        service, folder = self.services["worker"], self._new_folder(f"worker-{number}")
        made = ComposedWorker(self.environment(service, folder, free_port()), folder)
        made.command = self.command(service)
        return made

    def migrate(self) -> None:
        """Run the service that migrates the database, as the others wait for its success."""
        for service in (*self.servers, self.services["worker"]):
            waits = service.document["depends_on"]["migrate"]
            assert waits == {"condition": "service_completed_successfully"}
        service, folder = self.services["migrate"], self._new_folder("migrate")
        environment = self.environment(service, folder, 0)
        run(self.command(service), folder, environment)

    def check_health(self, service: Service, process: ComposedServer | ComposedWorker) -> None:
        """Run the health check of a service for one of its processes. Fails the test if it fails."""
        words = service.health
        assert words is not None
        assert words[0] == "portico"
        run(words[1:], process.directory, process.environment)

    def command(self, service: Service) -> list[str]:
        """Return what follows the entry point of the image."""
        return self.image.words("CMD") if service.command is None else service.command

    def environment(self, service: Service, folder: Path, port: int) -> dict[str, str]:
        """Return the variables of the image and of the service, with addresses of this machine."""
        database_url, redis_url = self._addresses
        found = self.image.environment | service.environment
        assert found["DATA_DIR"] == IMAGE_DATA
        own = {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "PORTICO_INSTANCE_URL": f"http://127.0.0.1:{port}",
            "DATA_DIR": str(folder / "data"),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "FORWARDED_ALLOW_IPS": "127.0.0.0/8",
            "PORTICO_METRICS_ALLOW": "127.0.0.0/8",
        }
        if not service.name.startswith("server-"):
            del own["PORTICO_INSTANCE_URL"]
        assert own.keys() <= found.keys(), "a variable that is replaced here is not in the file"
        # What an interpreter reads would prevent that the processes are forked (`tests.forked_processes`).
        for name in ("PATH", "PYTHONDONTWRITEBYTECODE"):
            del found[name]
        return found | own

    def _new_folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder


@contextmanager
def running_cluster(
    folder: Path,
    database_url: str,
    redis_url: str,
    given: Mapping[str, str],
    balance: Callable[[Path, list[str]], AbstractContextManager[Balancer]],
) -> Iterator[Cluster]:
    """Run all servers and workers of the file, behind a load balancer that `balance` makes."""
    processes = ComposedProcesses(folder, database_url, redis_url, given)
    processes.migrate()
    services = processes.services
    servers = [processes.server(number) for number in range(1, len(processes.servers) + 1)]
    workers = [processes.worker(number) for number in range(services["worker"].replicas)]
    with ExitStack() as stack:
        for process in (*servers, *workers):
            stack.callback(process.kill)
            process.start(timeout=PATIENCE)
        for service, server in zip(processes.servers, servers, strict=True):
            processes.check_health(service, server)
        for worker in workers:
            processes.check_health(services["worker"], worker)
        addresses = [server.url.removeprefix("http://") for server in servers]
        yield Cluster(
            servers, workers, stack.enter_context(balance(folder, addresses)), database_url
        )


def run(words: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a command of Portico in a bare environment with these variables. Fails the test if it fails. Returns its output."""
    process = popen(
        [sys.executable, "-m", "portico", *words],
        cwd=folder,
        env=bare_environment() | dict(environment),
        stderr=subprocess.PIPE,
    )
    said, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, f"{words}: {said}{errors}"
    return said
