"""Streams of providers against a server that sends odd bytes."""

import msgspec
import pytest
from tests.one_database import database_url  # noqa: F401 - a fixture
from tests.raw_server import serving

from portico.errors import SourceFailed, SourceTimedOut
from portico.http_client import OutgoingHTTP, RequestLimits
from portico.upstream.source_client import SourceClient
from portico.upstream.stream_relay import MAX_SKIPPED_BYTES, StreamRelay

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
LIMITS = RequestLimits(connect=5, first_byte=15, idle=15)


@pytest.mark.anyio
@pytest.mark.case("FT-18")
@pytest.mark.parametrize("endless", [b"data: zzz", b": zzz\n\n"], ids=["data", "comments"])
async def test_stream_without_further_events_is_ended_though_bytes_arrive(endless: bytes) -> None:
    http = OutgoingHTTP()
    long = endless.replace(b"zzz", b"z" * 100_000)
    rest = long * (MAX_SKIPPED_BYTES // len(long) + 20)
    # The server keeps the connection open after that.
    async with serving(lambda *_: HEAD + EVENT + rest) as server:
        client = SourceClient("shop", server.url, http, limits=LIMITS)
        body = (await client.answer("/chat", b"{}", stream=True)).body
        assert isinstance(body, StreamRelay)
        given = await anext(body)
        assert msgspec.json.decode(given[6:])["choices"][0]["delta"]["content"] == "Hi"
        with pytest.raises(SourceFailed) as failure:
            await anext(body)
        assert not isinstance(failure.value, SourceTimedOut)
        with pytest.raises(StopAsyncIteration):
            await anext(body)
    await http.close()
