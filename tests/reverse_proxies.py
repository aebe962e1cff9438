"""nginx, HAProxy and Caddy with the files of `deploy/`, in front of servers of a test, with TLS.

Only ports, servers and certificates are replaced. Yields the URL of the proxy.
"""

import http.client
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.balancers import HAProxy, movable_nginx, wait_for, write_certificate
from tests.child_process import running
from tests.debian_programs import Installed
from tests.redis_server import free_port

DEPLOY = Path(__file__).parents[1] / "deploy"


@contextmanager
def haproxy(installed: Installed, folder: Path, addresses: list[str]) -> Iterator[str]:
    write_certificate(folder / "certs", joined=True)
    proxy = HAProxy(installed, folder, addresses, tls=True)
    try:
        proxy.wait_until_up(1)
        yield proxy.url
    finally:
        proxy.close()


@contextmanager
def nginx(installed: Installed, folder: Path, addresses: list[str]) -> Iterator[str]:
    write_certificate(folder / "certs", joined=False)
    port = free_port()
    text = movable_nginx((DEPLOY / "nginx.conf").read_text())
    options = "max_fails=1 fail_timeout=2s;"
    servers = "\n".join(f"server {address} {options}" for address in addresses)
    text = text.replace(f"server 127.0.0.1:8080 {options}", servers)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    text = text.replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    (folder / "nginx.conf").write_text(text)
    command = [installed.program, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr", "-g", "daemon off;"]  # fmt: skip
    with _running(command, folder, installed.environment, f"https://127.0.0.1:{port}") as url:
        yield url


@contextmanager
def caddy(installed: Installed, folder: Path, addresses: list[str]) -> Iterator[str]:
    certificate = write_certificate(folder / "certs", joined=False)
    port = free_port()
    text = (DEPLOY / "Caddyfile").read_text()
    text = text.replace("\tservers {", "\tadmin off\n\tauto_https off\n\tservers {", 1)
    site = f"https://127.0.0.1:{port} {{\n\ttls {certificate} {certificate.parent}/privkey.pem\n"
    text = text.replace("{$DOMAIN:localhost} {\n", site, 1)
    (folder / "Caddyfile").write_text(text)
    command = [installed.program, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]
    environment = installed.environment | {"SERVERS": " ".join(addresses), "HOME": str(folder)}
    with _running(command, folder, environment, f"https://127.0.0.1:{port}") as url:
        yield url


def own_caddy() -> Installed:
    """Return the program that the environment of the tests has."""
    return Installed(Path(os.path.dirname(sys.executable), "caddy"))


@contextmanager
def _running(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], url: str
) -> Iterator[str]:
    log = folder / "proxy.log"
    with running(command, log=log, environment=environment, folder=folder) as process:
        wait_for(lambda: _answers(process, url, folder), f"{command[0]} answers")
        yield url


def _answers(process: "subprocess.Popen[bytes]", url: str, folder: Path) -> bool:
    assert process.poll() is None, (folder / "proxy.log").read_text()
    connection = http.client.HTTPSConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


#: How each proxy is run, by the name of its program.
PROXIES: dict[str, Callable[[Installed, Path, list[str]], "contextmanager[str]"]] = {
    "haproxy": haproxy,
    "nginx": nginx,
    "caddy": caddy,
}
