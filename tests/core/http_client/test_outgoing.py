"""Requests to addresses of the operator: network rules, reused connections, redirects."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests import certificates
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.raw_server import OK, redirect, serving

from portico.errors import OperatorError
from portico.http_client import (
    ConnectionBroken,
    HTTPClientError,
    NetworkRules,
    OutgoingHTTP,
    RequestLimits,
    failure_reason,
)
from portico.settings.http_client import HTTPClientSettings

LIMITS = RequestLimits(connect=5, first_byte=5, idle=5, total=10)


@asynccontextmanager
async def client(**settings: Any) -> AsyncIterator[OutgoingHTTP]:
    http = OutgoingHTTP(HTTPClientSettings(**settings))
    try:
        yield http
    finally:
        await http.close()


async def fetch(http: OutgoingHTTP, url: str, method: str = "GET", **options: Any) -> bytes:
    async with await http.request(method, url, limits=LIMITS, **options) as response:
        return await response.read()


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


@pytest.mark.case("FT-17")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_request_is_sent_again_if_a_reused_connection_broke(method: str) -> None:
    async def work() -> None:
        served: set[int] = set()

        def once_per_connection(number: int, _: str) -> bytes | None:
            return None if number in served else served.add(number) or OK

        async with serving(once_per_connection) as server, client() as http:
            for _ in range(3):
                assert await fetch(http, server.url, method, body=b"question") == b"ok"
            assert set(server.bodies) == {b"question"}
            assert server.connections == 3

    run(work)


@pytest.mark.case("FT-17")
def test_request_is_sent_no_more_than_twice() -> None:
    async def work() -> None:
        async with serving(lambda *_: OK) as server, client() as http:
            assert await fetch(http, server.url) == b"ok"
            server.answer = lambda *_: None
            for sent in (3, 4):  # on the reused connection and on a new one, which is tried once
                with pytest.raises(ConnectionBroken):
                    await fetch(http, server.url, "POST", body=b"question")
                assert len(server.heads) == sent

    run(work)


@pytest.mark.case("FT-17")
@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\nx: y\r\n", OK[:-1]])
def test_request_is_not_sent_again_after_the_response_began(beginning: bytes) -> None:
    async def work() -> None:
        async with serving(lambda *_: OK) as server, client() as http:
            assert await fetch(http, server.url) == b"ok"
            server.answer = lambda *_: beginning
            server.closes = True
            with pytest.raises(HTTPClientError):
                await fetch(http, server.url, "POST", body=b"question")
            assert len(server.heads) == 2

    run(work)


def test_large_response_headers_are_read() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-large: " + b"x" * 60_000 + b"\r\n\r\nok"

    async def work() -> None:
        async with serving(lambda *_: head) as server, client() as http:
            assert await fetch(http, server.url) == b"ok"

    run(work)


@pytest.mark.case("AB-46")
def test_redirects_to_the_same_origin_are_followed_where_asked() -> None:
    async def work() -> None:
        async with (
            serving(lambda *_: OK) as elsewhere,
            serving(
                lambda _, head: OK if head.startswith("GET /models/ ") else redirect("/models/")
            ) as server,
            client() as http,
        ):
            headers = {"Authorization": "Bearer key"}
            url = f"{server.url}/models"
            assert await fetch(http, url, headers=headers, follow_redirects=True) == b"ok"
            async with await http.request("GET", url, limits=LIMITS) as response:
                assert response.status == 307
            server.answer = lambda *_: redirect(elsewhere.url)
            async with await http.request(
                "GET", url, limits=LIMITS, headers=headers, follow_redirects=True
            ) as response:
                assert response.status == 307
            assert elsewhere.heads == []
            for nowhere in ("http://[", "//[::1", "http://127.0.0.1:99999/"):
                server.answer = lambda *_, to=nowhere: redirect(to)
                async with await http.request(
                    "GET", url, limits=LIMITS, follow_redirects=True
                ) as response:
                    assert response.status == 307
            server.answer = lambda *_: redirect("/again")
            async with await http.request(
                "GET", url, limits=LIMITS, follow_redirects=True
            ) as response:
                assert response.status == 307

    run(work)


def test_proxy_leads_to_addresses_that_are_not_excepted() -> None:
    async def work() -> None:
        async with serving(lambda *_: OK) as proxy, serving(lambda *_: OK) as server:
            address = proxy.url.replace("http://", "http://name:pass@")
            async with client(http_proxy=address) as http:
                assert await fetch(http, f"{server.url}/v1/models") == b"ok"
            assert proxy.heads[0].startswith(f"GET {server.url}/v1/models ")
            assert "Proxy-Authorization: Basic bmFtZTpwYXNz" in proxy.heads[0]
            assert server.heads == []
            async with client(http_proxy=proxy.url, no_proxy=["127.0.0.0/8"]) as http:
                assert await fetch(http, server.url) == b"ok"
            assert len(proxy.heads) == len(server.heads) == 1

    run(work)


@pytest.mark.parametrize(
    ("excepted", "url", "is_direct"),
    [
        ("", "http://models.example", False),
        ("*", "http://models.example", True),
        ("models.example", "http://models.example:8000/v1", True),
        ("example", "http://models.example", True),
        (".example", "http://models.example", True),
        ("*.example", "http://models.example", True),
        ("Models.Example", "https://MODELS.example", True),
        ("s.example", "http://models.example", False),
        ("models.example:8000", "http://models.example:8000/v1", True),
        ("models.example:8000", "http://models.example/v1", False),
        ("models.example:443", "https://models.example/v1", True),
        ("10.0.0.0/8", "http://10.1.2.3/v1", True),
        ("10.1.2.3", "http://10.1.2.3/v1", True),
        ("10.1.2.3:80", "http://10.1.2.3/v1", True),
        ("10.0.0.0/8", "http://11.1.2.3/v1", False),
        ("fd00::/8", "http://[fd00::1]:8000/v1", True),
        ("[fd00::1]:8000", "http://[fd00::1]:8000/v1", True),
        ("localhost 10.0.0.0/8", "http://10.1.2.3/v1", True),
    ],
)
def test_addresses_are_excepted_from_the_proxy(excepted: str, url: str, is_direct: bool) -> None:
    rules = NetworkRules(
        HTTPClientSettings(http_proxy="http://p:1", https_proxy="https://p:2", no_proxy=[excepted])
    )
    through = "https://p:2" if url.startswith("https") else "http://p:1"
    assert rules.proxy_for(url) == (None if is_direct else through)


def test_private_certificate_authority_is_trusted(tmp_path: Path) -> None:
    certificate, key = certificates.make(tmp_path, "private", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def work() -> None:
        async with serving(lambda *_: OK, context) as server:
            async with client() as http:
                with pytest.raises(HTTPClientError) as failure:
                    await fetch(http, server.url)
                assert failure_reason(failure.value).startswith("the certificate is not accepted: ")
                assert await fetch(http, server.url, verify_tls=False) == b"ok"
            async with client(ca_file=str(certificate)) as http:
                assert await fetch(http, server.url) == b"ok"

    run(work)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"ca_file": "absent.pem"}, "there is no such file"),
        ({"ca_file": __file__}, "no certificates in PEM"),
        ({"ca_dir": "absent"}, "there is no such directory"),
    ],
)
def test_unreadable_certificates_refuse_the_start(settings: Any, reason: str) -> None:
    with pytest.raises(OperatorError, match=reason):
        OutgoingHTTP(HTTPClientSettings(**settings))


@pytest.mark.case("FT-17")
def test_failure_reason_of_real_failures() -> None:
    async def work() -> None:
        async with client() as http:
            with pytest.raises(HTTPClientError) as failure:
                await fetch(http, "http://127.0.0.1:1/")
            assert failure_reason(failure.value) == "the connection was refused"
            with pytest.raises(HTTPClientError) as failure:
                await fetch(http, "http://name.invalid/")
            assert failure_reason(failure.value) == "the name was not found"
            async with serving(lambda *_: None) as server:
                with pytest.raises(HTTPClientError) as failure:
                    await fetch(http, server.url)
                assert failure_reason(failure.value) == "the connection was lost"

    run(work)


def test_limit_of_a_whole_request_is_not_shortened_by_defaults() -> None:
    assert RequestLimits.chosen(connect=10, total=3600)[1:] == (3600, 3600, 3600)
    assert RequestLimits.chosen(connect=10, total=60)[1:] == (300, 300, 60)
    assert RequestLimits.chosen(connect=10, idle=7, total=3600)[1:] == (3600, 7, 3600)
    assert RequestLimits.chosen(connect=10)[1:] == (300, 300, None)
