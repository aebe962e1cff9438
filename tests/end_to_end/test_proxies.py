"""What users of Portico need works through each reverse proxy, as `deploy/` configures it."""

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from tests import skipped_dependencies
from tests.balancers import PACKAGES
from tests.debian_programs import find_program
from tests.redis_server import free_port
from tests.reply_requests import ask, start_chat, until_end
from tests.reverse_proxies import PROXIES, own_caddy
from tests.unix_server import UnixServer
from tests.upstream import Upstream

from portico.testing import Client, HTTPTransport, ServerProcess, settings_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(200),
]
MONITORING = "127.0.0.2"


class Site(NamedTuple):
    """A server behind a proxy. `url`: of the proxy; `admin`: the first account, which uses it."""

    proxy: str
    url: str
    admin: Client
    upstream: Upstream


@pytest.fixture(scope="module", params=sorted(PROXIES))
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One for all tests of a proxy (`tests.workers` gives them to one worker): none stops the server or the proxy."""
    name = request.param
    cache = request.config.cache
    assert cache is not None
    installed = own_caddy() if name == "caddy" else find_program(name, PACKAGES[name], cache.mkdir("debian"))  # fmt: skip
    if installed is None:
        pytest.skip(skipped_dependencies.NO_PROXY)
    folder, data = tmp_path_factory.mktemp("proxy"), tmp_path_factory.mktemp("server")
    settings = settings_in(data) | {
        "FORCE_HTTPS": "true",
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
        "PORTICO_METRICS_ALLOW": MONITORING,
        "PORTICO_SERVER_DRAIN_DELAY": "0",
    }
    gone = f"127.0.0.1:{free_port()}"
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream:
        patch.setenv("SSL_CERT_FILE", str(folder / "certs" / "fullchain.pem"))
        settings |= upstream.environment
        if name == "nginx":  # the others have a port in front of them
            settings["FORWARDED_ALLOW_IPS"] = "unix"
            server: ServerProcess = UnixServer(settings, data, data / "portico.sock")
        else:
            server = ServerProcess(settings, data)
        server.start()
        try:
            addresses = [gone, server.url.removeprefix("http://")]
            with PROXIES[name](installed, folder, addresses) as url:
                yield Site(name, url, Client(HTTPTransport(url)).sign_up("Ada"), upstream)
        finally:
            server.kill()


@contextmanager
def request(site: Site, path: str, body: bytes, length: int) -> Iterator[http.client.HTTPResponse]:
    """Send the beginning of a request of this length, and yield the response after its headers."""
    connection = http.client.HTTPSConnection(urlsplit(site.url).netloc, timeout=30)
    headers = {"authorization": f"Bearer {site.admin.token}", "content-type": "application/json"}
    try:
        # A response may arrive, and the connection be closed, before the whole body has been sent.
        with suppress(ssl.SSLError, ConnectionError):
            connection.request("POST", path, body, headers | {"content-length": str(length)})
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


@contextmanager
def stream(site: Site, model: str) -> Iterator[http.client.HTTPResponse]:
    """Ask for a stream, and yield it."""
    form = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    body = json.dumps(form).encode()
    with request(site, "/api/chat/completions", body, len(body)) as response:
        yield response


def test_proxy_sends_each_block_at_once(site: Site) -> None:
    # The source sends nothing more, so a proxy that waited for more would show nothing.
    with stream(site, "silence") as response:
        assert b"first" in response.readline()


def test_proxy_ends_a_stream_with_its_client(site: Site) -> None:
    with stream(site, "endless") as response:
        assert b"more" in response.readline()
    # A proxy may keep a silent stream whose client has gone, such as one of an earlier test.
    site.upstream.wait_until_idle(without="silence")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_proxy_connects_sockets(site: Site, transport: Any) -> None:
    chat_id, message_id = start_chat(site.admin)
    with site.admin.connect_socket(transport=transport) as socket:
        ask(site.admin, chat_id, message_id)
        assert until_end(socket, message_id)[-1][1]["done"] is True


def test_proxy_tells_the_address_of_the_client_and_nothing_that_the_client_claims(
    site: Site,
) -> None:
    def ask_from(source: str, **headers: str) -> int:
        client = Client(HTTPTransport(site.url, source=source))
        return client.get("/metrics", headers=headers).status

    assert ask_from(MONITORING) == 200
    assert ask_from(MONITORING, forwarded="for=192.0.2.1") == 200
    for name in ("x-forwarded-for", "x-real-ip"):
        assert ask_from("127.0.0.3", **{name: MONITORING}) == 404
    assert ask_from("127.0.0.3", forwarded=f"for={MONITORING}") == 404


def test_proxy_tells_that_it_was_asked_over_https(site: Site) -> None:
    answer = Client(HTTPTransport(site.url)).post(
        "/api/v1/auths/signin", {"email": "ada@example.org", "password": "correct horse battery"}
    )
    # Over plain HTTP it would be refused with 403 before the password is read.
    assert answer.status == 400


def test_large_body_reaches_the_server(site: Site) -> None:
    chat = {"title": "large", "messages": [], "notes": "x" * 8_000_000}
    assert site.admin.post("/api/v1/chats/new", {"chat": chat}).status == 200


def test_body_that_is_too_large_is_refused_by_the_server(site: Site) -> None:
    length = 5_000_000
    # Caddy answers when it has the whole body, the others as soon as the server does.
    sent = length if site.proxy == "caddy" else 1
    with request(site, "/api/v1/auths/update/password", b"{" * sent, length) as response:
        assert response.status == 413
        assert "detail" in json.load(response)
    assert site.admin.get("/api/v1/auths/").status == 200
