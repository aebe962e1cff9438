"""Clients that send slowly: their connections are closed, and other clients are not delayed."""

import asyncio
import json
import selectors
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture

from portico.errors import RequestTimeout
from portico.settings.server import ServerSettings
from portico.testing import ServerProcess
from portico.web.middleware.body_timeout import BodyTimeout

MANY = 250


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    limits = {"PORTICO_SERVER_HEADER_TIMEOUT": "1.5", "PORTICO_SERVER_BODY_TIMEOUT": "1.5"}
    return env | limits


def drip(server: ServerProcess, opening: bytes, count: int) -> Iterator[bytes]:
    """Open connections that send a byte now and then. Yields what each received before it was closed."""
    address = urlsplit(server.url)
    received, selector = {}, selectors.DefaultSelector()
    for _ in range(count):
        connection = socket.create_connection((address.hostname, address.port), timeout=20)
        connection.sendall(opening)
        received[connection] = b""
        selector.register(connection, selectors.EVENT_READ, connection)
    while received:
        for key, _ in selector.select(0.2):
            connection = key.data
            try:
                block = connection.recv(4096)
            except ConnectionError:
                block = b""
            received[connection] += block
            if not block:
                selector.unregister(connection)
                yield received.pop(connection)
                connection.close()
        assert server.client.get("/health").status == 200
        for connection in received:
            try:
                connection.sendall(b"a")
            except OSError:
                pass


@pytest.mark.case("AB-70")
def test_endless_headers_time_out(server: ServerProcess) -> None:
    assert list(drip(server, b"GET /health HTTP/1.1\r\nhost: x\r\nx-a: ", MANY)) == [b""] * MANY


@pytest.mark.case("AB-70")
def test_idle_connections_are_closed(server: ServerProcess) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        assert connection.recv(1) == b""
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "length", [b"content-length: 1000\r\n", b"transfer-encoding: chunked\r\n"], ids=bytes.decode
)
@pytest.mark.case("AB-70")
def test_endless_bodies_time_out(server: ServerProcess, length: bytes) -> None:
    ada = server.client.sign_up("Ada")
    for path, count in (("/api/v1/auths/signin", MANY), ("/api/v1/chats/new", 20)):
        opening = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ada.token}\r\n"
            "content-type: application/json\r\n"
        ).encode()
        begun = opening + length + b"\r\n" + (b"" if b"length" in length else b"3e8\r\n")
        for block in drip(server, begun, count):
            head, _, body = block.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 408 ") and b"\r\nconnection: close" in head.lower()
            assert json.loads(body) == {"detail": "The request took too long to arrive"}
    assert ada.get("/api/v1/auths/").status == 200


def receive_from(*pieces: Any) -> Any:
    """Return a `receive` that yields these pieces and then waits for ever."""
    left = list(pieces)

    async def receive() -> Any:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_complete_body_has_no_time_limit() -> None:
    async def ask() -> None:
        timeout = BodyTimeout(ServerSettings(body_timeout=0.1))
        receive = timeout.wrap_receive(receive_from(part(b"x", more=False)))
        await receive()
        waiting = asyncio.create_task(receive())
        slow = timeout.wrap_receive(receive_from())
        with pytest.raises(RequestTimeout):
            await slow()
        assert not waiting.done()
        waiting.cancel()

    asyncio.run(ask())


def test_sent_bytes_extend_the_deadline_and_pauses_do_not() -> None:
    async def ask() -> None:
        timeout = BodyTimeout(ServerSettings(body_timeout=0.1, min_body_bytes_per_second=1))
        receive = timeout.wrap_receive(receive_from(part(b"x" * 1000)))
        await receive()
        with pytest.raises(RequestTimeout):
            await receive()

    asyncio.run(ask())


def test_cancellation_from_elsewhere_is_not_a_timeout() -> None:
    async def ask() -> None:
        timeout = BodyTimeout(ServerSettings(body_timeout=60))
        waiting = asyncio.create_task(timeout.wrap_receive(receive_from())())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(ask())


def test_rest_of_a_refused_body_is_dropped_and_the_connection_is_used_again(
    server: ServerProcess,
) -> None:
    token, address = server.client.sign_up("Ada").token, urlsplit(server.url)
    length = 6_000_000  # more than the buffers of both sides
    head = f"POST /api/v1/auths/update/password HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode() + b"{" * length)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_refused_body_that_never_comes_ends_the_connection(server: ServerProcess) -> None:
    opening = b"POST /api/v1/auths/update/password HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    (received,) = drip(server, opening + b"{", 1)
    assert received.startswith(b"HTTP/1.1 401 ")
