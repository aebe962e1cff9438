"""The SSRF-safe client against real sockets: responses, and addresses that it never connects to.

127.0.0.1 represents the public Internet, as an allowed network; 127.0.0.2 represents the private network.
"""

import asyncio
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.effort import examples

from portico.errors import FetchRefused
from portico.http_client import FetchResult, SafeHTTPClient
from portico.settings.http_client import HTTPClientSettings

PUBLIC, PRIVATE = "127.0.0.1", "127.0.0.2"


class Site:
    """Two servers on one port, a public and a private one. `seen`: all requests to both."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, dict[str, str], bytes]] = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("content-length", 0))
                where = str(self.server.server_address[0])
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                site.seen.append((where, self.command, self.path, headers, body))
                site.answer(self)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self.servers = [http.server.ThreadingHTTPServer((PUBLIC, 0), Handler)]
        self.port = self.servers[0].server_address[1]
        self.servers.append(http.server.ThreadingHTTPServer((PRIVATE, self.port), Handler))
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler: Any) -> None:
        path = handler.path
        if path.startswith("/to/"):
            _, _, status, where = path.split("/", 3)
            handler.send_response(int(status))
            handler.send_header("location", where)
            handler.send_header("content-length", "0")
            handler.end_headers()
            return
        body = b"x" * 1000 if path == "/large" else b"hello"
        handler.send_response(404 if path == "/missing" else 200)
        handler.send_header("content-type", "Image/PNG; charset=x")
        if path == "/gzip":
            handler.send_header("content-encoding", "gzip")
        if path in ("/endless", "/drip"):
            handler.send_header("transfer-encoding", "chunked")
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b"4\r\nxxxx\r\n")
                    time.sleep(0.05 if path == "/drip" else 0)
            except OSError:
                return
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def url(self, path: str = "/", host: str = PUBLIC) -> str:
        return f"http://{host}:{self.port}{path}"

    @property
    def reached(self) -> list[str]:
        return [where for where, *_ in self.seen]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    for server in made.servers:
        server.shutdown()
        server.server_close()


def run(ask: Callable[[SafeHTTPClient], Any], allow: tuple[str, ...] = (PUBLIC,)) -> FetchResult:
    async def inside() -> FetchResult:
        fetch = SafeHTTPClient(HTTPClientSettings(allowed_hosts=list(allow)))
        try:
            return await ask(fetch)
        finally:
            await fetch.close()

    return asyncio.run(inside())


def get(url: Any, *, allow: tuple[str, ...] = (PUBLIC,), **options: Any) -> FetchResult:
    return run(lambda fetch: fetch.get(url, **{"largest": 100, "timeout": 5.0, **options}), allow)


def refused(url: Any, **options: Any) -> None:
    """Check that the URL is refused, with the same error as every refusal."""
    with pytest.raises(FetchRefused) as caught:
        get(url, **options)
    assert str(caught.value) == "This address could not be fetched."
    assert caught.value.__cause__ is None


def test_get_returns_status_type_and_body(site: Site) -> None:
    assert get(site.url("/a?b=c#d"), types=("image/png",)) == (200, "image/png", b"hello")
    assert get(site.url("/missing")).status == 404
    assert [path for _, _, path, _, _ in site.seen] == ["/a?b=c", "/missing"]


def test_post_sends_the_body(site: Site) -> None:
    sent = run(lambda fetch: fetch.post(site.url("/hook"), b'{"a": 1}', headers={"X-Sign": "s"}))
    assert sent.status == 200
    _, method, _, headers, body = site.seen[0]
    assert (method, body, headers["content-type"]) == ("POST", b'{"a": 1}', "application/json")
    assert headers["x-sign"] == "s"


def download(url: str, allow: tuple[str, ...] = (PUBLIC,), **options: Any) -> bytes:
    async def read(fetch: SafeHTTPClient) -> Any:
        async with fetch.download(url, **{"https_only": False, **options}) as answer:
            return await answer.read()

    return bytes(run(read, allow))  # type: ignore[arg-type]


def test_download_follows_redirects_and_refuses_what_get_refuses(site: Site) -> None:
    assert download(site.url(f"/to/302/{site.url('/large')}")) == b"x" * 1000
    for url, options in (
        (site.url("/missing"), {}),
        (site.url("/", PRIVATE), {}),
        (site.url(f"/to/302/{site.url('/', PRIVATE)}"), {}),
        (site.url("/"), {"https_only": True}),
        (site.url("/to/302/ftp://x/"), {}),
    ):
        with pytest.raises(FetchRefused):
            download(url, **options)
    assert PRIVATE not in site.reached


def test_too_large_slow_or_other_type_is_refused(site: Site) -> None:
    refused(site.url("/large"))
    refused(site.url("/endless"))
    refused(site.url("/drip"), timeout=0.3)
    refused(site.url("/"), types=("image/jpeg", "text/html"))
    refused(site.url("/gzip"))
    refused(site.url("/"), https_only=True)
    assert get(site.url("/large"), largest=1000).body == b"x" * 1000


@pytest.mark.parametrize(
    "host",
    [
        PRIVATE, "localhost", "127.2", "0x7f.2", "0x7f000002", "2130706434", "0177.0.0.2", "[::ffff:7f00:2]",
        "[::ffff:127.0.0.2]", "[::1]", "[::]", "0.0.0.0", "0", "[::127.0.0.2]", "[64:ff9b::7f00:2]", "127.0.0.2.",
        "１２７.0.0.2", "[fe80::1]", "[fe80::1%25lo]",
    ],
)  # fmt: skip
@pytest.mark.case("AB-45")
def test_private_addresses_in_any_notation_are_refused(site: Site, host: str) -> None:
    refused(site.url("/", host), allow=())
    assert site.reached == []


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "//127.0.0.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:70/_x", "data:,x",
        "http://", "http:///x", "http://a:b@127.0.0.1/", "http://127.0.0.1@127.0.0.2/", "http://127.0.0.1:99999/",
        "http://[/", "http://[::1", "http://a\r\nb/", "http://\x00/", "http://" + "a" * 5000, "jav\tascript:x",
        "http://x" * 999, 5, None, b"http://127.0.0.1/", "http://\ud800/", "unix:///x", "http://.", "http://%00/",
    ],
)  # fmt: skip
@pytest.mark.case("AB-45")
def test_invalid_urls_are_refused(url: Any) -> None:
    refused(url, allow=())


@settings(max_examples=examples(50), deadline=None)
@given(st.text(max_size=50))
def test_arbitrary_text_is_refused(text: str) -> None:
    refused(f"http://[{text}", allow=())
    refused(f"x{text}", allow=())


def resolving(monkeypatch: pytest.MonkeyPatch, *turns: list[str]) -> list[str]:
    """Resolve every name to the addresses of one turn after the other. Returns the names that were looked up."""
    lookups: list[str] = []

    def getaddrinfo(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        lookups.append(host)
        found = turns[min(len(lookups), len(turns)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lookups


@pytest.mark.case("AB-45")
def test_name_of_private_address_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    lookups = resolving(monkeypatch, [PRIVATE])
    refused(site.url("/", "evil.example"))
    assert lookups == ["evil.example"] and site.reached == []


@pytest.mark.case("AB-45")
def test_dns_rebinding_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, [PUBLIC], [PRIVATE])

    async def twice(fetch: SafeHTTPClient) -> FetchResult:
        assert (await fetch.get(site.url("/", "evil.example"), largest=9)).status == 200
        return await fetch.get(site.url("/", "evil.example"), largest=9)

    with pytest.raises(FetchRefused):
        run(twice)
    assert site.reached == [PUBLIC]


@pytest.mark.case("AB-45")
def test_private_ones_of_several_addresses_are_not_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, ["127.0.0.3", PRIVATE])  # nothing listens at the first
    refused(site.url("/", "evil.example"), allow=("127.0.0.3",))
    assert site.reached == []
    monkeypatch.undo()
    resolving(monkeypatch, [PRIVATE, PUBLIC])
    assert get(site.url("/", "evil.example")).status == 200
    assert site.reached == [PUBLIC]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.case("AB-46")
def test_redirect_to_private_address_is_refused(site: Site, status: int) -> None:
    for target in (
        site.url("/", PRIVATE),
        f"//{PRIVATE}:{site.port}/",
        site.url("/", "2130706434"),
        site.url(f"/to/{status}/{site.url('/', PRIVATE)}"),
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        f"http://a:b@{PUBLIC}:{site.port}/",
        "",
    ):
        with pytest.raises(FetchRefused):
            get(site.url(f"/to/{status}/{target}"))
    assert PRIVATE not in site.reached


@pytest.mark.case("AB-46")
def test_at_most_five_redirects_are_followed(site: Site) -> None:
    target = "/end"
    for _ in range(5):
        target = f"/to/302/{site.url(target)}"
    assert get(site.url(target)).status == 200
    before = len(site.seen)
    refused(site.url(f"/to/302/{site.url(target)}"))
    assert len(site.seen) - before == 6


def test_credentials_are_not_sent_to_another_origin(site: Site) -> None:
    given = {"Authorization": "Bearer s", "X-Key": "k", "Cookie": "a=b", "Accept": "image/png"}
    target = site.url("/", PRIVATE)
    get(site.url(f"/to/307/{target}"), headers=given, allow=("127.0.0.0/8",))
    get(site.url(f"/to/307/{site.url('/')}"), headers=given)
    (first, second, _, same) = (headers for _, _, _, headers, _ in site.seen)
    assert {"authorization", "x-key", "cookie", "accept"} <= set(first)
    assert {"authorization", "x-key", "cookie"}.isdisjoint(second) and "accept" in second
    assert "authorization" in same


def test_body_is_not_sent_to_another_origin(site: Site) -> None:
    def post(path: str) -> FetchResult:
        return run(lambda fetch: fetch.post(site.url(path), b"secret"), ("127.0.0.0/8",))

    assert post(f"/to/307/{site.url('/again')}").status == 200
    assert [body for *_, body in site.seen] == [b"secret", b"secret"]
    site.seen.clear()
    with pytest.raises(FetchRefused):
        post(f"/to/308/{site.url('/', PRIVATE)}")
    assert site.reached == [PUBLIC]
    assert post(f"/to/303/{site.url('/', PRIVATE)}").status == 200
    assert site.seen[-1][1] == "GET" and site.seen[-1][-1] == b""


def test_allowed_private_hosts_are_reached(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, [PRIVATE])
    assert get(site.url("/", "files.internal"), allow=("Files.internal",)).status == 200
    refused(site.url("/", "other.internal"), allow=("files.internal",))
    assert site.reached == [PRIVATE]


def test_environment_proxies_are_ignored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, site.url())
    refused("http://127.0.0.9:9/")
    assert site.reached == []


def send(url: str) -> int:
    async def inside() -> int:
        fetch = SafeHTTPClient(HTTPClientSettings(allowed_hosts=[PUBLIC]))
        try:
            return await fetch.send(url, b"{}", headers={"X-Sign": "s"}, timeout=5.0)
        finally:
            await fetch.close()

    return asyncio.run(inside())


def test_send_returns_the_status_whatever_follows_it(site: Site) -> None:
    for path, status in (("/large", 200), ("/endless", 200), ("/gzip", 200), ("/missing", 404)):
        assert send(site.url(path)) == status
    assert [(method, body) for _, method, _, _, body in site.seen] == [("POST", b"{}")] * 4
    assert {headers["x-sign"] for *_, headers, _ in site.seen} == {"s"}


@pytest.mark.case("AB-45")
def test_send_follows_no_redirect_and_asks_no_private_address(site: Site) -> None:
    for status in (301, 302, 303, 307, 308):
        assert send(site.url(f"/to/{status}/{site.url('/', PRIVATE)}")) == status
        assert send(site.url(f"/to/{status}/{site.url('/other')}")) == status
    assert set(site.reached) == {PUBLIC}
    with pytest.raises(FetchRefused):
        send(site.url("/", PRIVATE))
    assert set(site.reached) == {PUBLIC}
