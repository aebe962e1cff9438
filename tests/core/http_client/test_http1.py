"""The HTTP/1.1 client against servers that send odd bytes: every response belongs to its request, and ends."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests import certificates
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.raw_server import OK, listening, serving

from portico.http_client import HTTPClientError, OutgoingHTTP, RequestLimits, failure_reason
from portico.http_client.http1 import InvalidHTTP
from portico.settings.http_client import HTTPClientSettings

pytestmark = pytest.mark.anyio
LIMITS = RequestLimits(connect=5, first_byte=5, idle=5, total=10)


@pytest.fixture
async def http() -> AsyncIterator[OutgoingHTTP]:
    client = OutgoingHTTP()
    yield client
    await client.close()


async def fetch(http: OutgoingHTTP, url: str, limits: RequestLimits = LIMITS) -> tuple[int, bytes]:
    async with await http.request("POST", url, limits=limits, body=b"{}") as response:
        return response.status, await response.read()


@pytest.mark.parametrize(
    ("response", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: trailer\r\n\r\n", b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nx: \xff\xfe\r\ncontent-length: 2\r\n\r\nok", b"ok"),
    ],
)  # fmt: skip
async def test_response_is_read_and_its_connection_reused(
    http: OutgoingHTTP, response: bytes, body: bytes
) -> None:
    async with serving(lambda *_: response) as server:
        for _ in range(2):
            assert (await fetch(http, server.url))[1] == body
        assert server.connections == 1


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
    ],
)
async def test_response_that_ends_its_connection_is_read(
    http: OutgoingHTTP, response: bytes
) -> None:
    async with serving(lambda *_: response) as server:
        server.closes = True
        for _ in range(2):
            assert (await fetch(http, server.url))[1] == b"ok"
        assert server.connections == 2


@pytest.mark.case("AB-46")
@pytest.mark.parametrize(
    "surplus", [b"H", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", b"\0"]
)
async def test_surplus_bytes_never_answer_the_next_request(
    http: OutgoingHTTP, surplus: bytes
) -> None:
    async with serving(lambda number, _: OK + surplus if number == 1 else OK) as server:
        for _ in range(3):
            assert await fetch(http, server.url) == (200, b"ok")
        assert server.connections == 2


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000 + b"\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000, "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 600 + b"content-length: 0\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", "connection was lost"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", "connection was lost"),
    ],
)  # fmt: skip
async def test_response_that_cannot_be_read_fails(
    http: OutgoingHTTP, response: bytes, reason: str
) -> None:
    async with serving(lambda *_: response) as server:
        server.closes = True
        with pytest.raises(HTTPClientError) as failure:
            await fetch(http, server.url)
        assert reason in failure_reason(failure.value)


@pytest.mark.parametrize("endless", [b"0\r\nx: ", b"2;x="], ids=["trailer", "chunk extension"])
async def test_bytes_that_are_no_body_are_bounded(http: OutgoingHTTP, endless: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"
    async with serving(lambda *_: head + endless + b"y" * 2_000_000) as server:
        with pytest.raises(InvalidHTTP):
            await fetch(http, server.url)


async def test_bytes_before_a_fault_are_read(http: OutgoingHTTP) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"
    async with (
        serving(lambda *_: head + b"zz\r\n") as server,
        await http.request("POST", server.url, limits=LIMITS) as response,
    ):
        assert await response.read_block() == b"ok"
        with pytest.raises(HTTPClientError):
            await response.read_block()


@pytest.mark.parametrize(
    ("beginning", "limits"),
    [
        (b"", LIMITS._replace(first_byte=0.05)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", LIMITS._replace(first_byte=0.05)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", LIMITS._replace(idle=0.05)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", LIMITS._replace(total=0.05)),
    ],
)
async def test_silent_server_times_out(
    http: OutgoingHTTP, beginning: bytes, limits: RequestLimits
) -> None:
    async with serving(lambda *_: beginning) as server:
        with pytest.raises(TimeoutError):
            await fetch(http, server.url, limits)


@pytest.mark.case("AB-53")
async def test_server_waits_for_a_slow_reader(http: OutgoingHTTP) -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        for _ in range(100):
            writer.write(bytes(1_000_000))
            await writer.drain()
            sent += 1
        writer.close()

    async with (
        listening(pour) as url,
        await http.request("GET", url, limits=LIMITS) as response,
    ):
        before = -1
        while before != sent:  # until the buffers of the system are full
            before = sent
            for _ in range(200):
                await asyncio.sleep(0)
        assert sent < 90
        assert len(await response.read()) == 100_000_000


@pytest.mark.case("AB-45")
@pytest.mark.parametrize(
    "headers", [{"x": "a\r\nevil: 1"}, {"x\r\n": "a"}, {"x": "a\0"}, {"": "a"}, {"a b": "c"}]
)
async def test_header_that_would_end_its_line_is_not_sent(
    http: OutgoingHTTP, headers: dict[str, str]
) -> None:
    async with serving(lambda *_: OK) as server:
        with pytest.raises(ValueError, match="cannot be sent"):
            await http.request("GET", server.url, limits=LIMITS, headers=headers)
        assert server.connections == 0


async def test_address_is_sent_as_a_server_reads_it(http: OutgoingHTTP) -> None:
    async with serving(lambda *_: OK) as server:
        port = server.url.rpartition(":")[2]
        await fetch(http, f"http://name:p%40ss@127.0.0.1:{port}/a b/ü?q=ü#fragment")
        (head,) = server.heads
        assert head.startswith("POST /a%20b/%C3%BC?q=%C3%BC HTTP/1.1\r\n")
        assert f"Host: 127.0.0.1:{port}\r\n" in head
        assert "Authorization: Basic bmFtZTpwQHNz\r\n" in head


@pytest.mark.parametrize(
    "url", ["", "models.example", "ftp://models.example", "http://", "http://a:x"]
)
async def test_what_is_no_address_is_refused(http: OutgoingHTTP, url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any text
        await http.request("GET", url, limits=LIMITS)


async def test_file_is_sent_whole_and_closed(http: OutgoingHTTP, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(bytes(range(256)) * 4000)
    async with serving(lambda *_: OK) as server:
        file = path.open("rb")
        async with await http.request("POST", server.url, limits=LIMITS, body=file) as response:
            assert await response.read() == b"ok"
        assert file.closed
        assert server.bodies == [path.read_bytes()]


@asynccontextmanager
async def tunnelling_proxy(answer: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that connects to any server of this machine. Yields its address, and the heads of the requests it got."""
    heads: list[str] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(65536):
            writer.write(block)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer)
        if b" 200 " not in answer:
            return
        host, _, port = heads[-1].split()[1].rpartition(":")
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))
        finally:
            server_writer.transport.abort()

    async with listening(serve) as url:
        yield url.replace("http://", "http://me:secret@"), heads


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 200 Connection established\r\n\r\n", "ok"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "ok"),
        (b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", "the proxy refused the request"),
    ],
)
async def test_encrypted_request_goes_through_a_tunnel(
    tmp_path: Path, answer: bytes, outcome: str
) -> None:
    certificate, key = certificates.make(tmp_path, "private", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with (
        tunnelling_proxy(answer) as (proxy, heads),
        serving(lambda *_: OK, context) as server,
    ):
        http = OutgoingHTTP(HTTPClientSettings(https_proxy=proxy, ca_file=str(certificate)))
        try:
            for _ in range(2):
                assert (await fetch(http, server.url))[1].decode() == outcome
        except HTTPClientError as error:
            assert failure_reason(error) == outcome
        finally:
            await http.close()
        assert heads[0].startswith(f"CONNECT {server.url.removeprefix('https://')} HTTP/1.1\r\n")
        assert "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n" in heads[0]
        assert len(heads) == 1
        assert not any("Proxy-Authorization" in head for head in server.heads)


async def test_idle_connection_that_the_server_closed_is_not_used(http: OutgoingHTTP) -> None:
    closing: list[Callable[[], None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closing.append(writer.close)
        while await reader.read(1000):
            writer.write(OK)
        writer.close()

    async with listening(serve) as url:
        assert (await fetch(http, url))[1] == b"ok"
        closing[0]()
        assert (await fetch(http, url))[1] == b"ok"
        assert len(closing) == 2
