"""Streaming responses end in order: by themselves, on disconnect, on errors of the source and at shutdown."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from portico.catalogue.source import EVENT_STREAM, SourceResponse
from portico.errors import NotFound, SourceFailed, Unavailable
from portico.upstream.sse_filter import DONE
from portico.web.drain import Drain
from portico.web.error_format import ErrorFormat
from portico.web.response import stream as streaming
from portico.web.response.stream import StreamResponse


@pytest.fixture(autouse=True)
def watched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "WATCH_DELAY_SECONDS", 0.0)


class FakeClient:
    """A client that records what it is sent, and disconnects when `disconnected` is set."""

    def __init__(self) -> None:
        self.disconnected = asyncio.Event()
        self.start: dict[str, Any] = {}
        self.blocks: list[bytes] = []
        self.over = False

    async def receive(self) -> Any:
        await self.disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.blocks.append(message["body"])
            self.over = not message["more_body"]

    async def request(
        self, reply: Any, drain: Drain | None = None, errors: ErrorFormat | None = None
    ) -> None:
        response = StreamResponse(reply, drain, errors=errors)
        await response({}, self.receive, self.send)  # type: ignore[arg-type]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.start["headers"]}


class Blocks:
    """An iterator of blocks that can fail or wait for ever, and records whether it was closed."""

    def __init__(self, *blocks: bytes, then: str | Exception = "end") -> None:
        self.blocks = list(blocks)
        self.then = then
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self.blocks:
            return self.blocks.pop(0)
        if isinstance(self.then, Exception):
            raise self.then
        if self.then == "wait":
            await asyncio.sleep(60)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


def events(blocks: Blocks) -> SourceResponse:
    return SourceResponse(body=blocks, content_type=EVENT_STREAM)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def inside() -> None:
        before = asyncio.all_tasks()
        async with asyncio.timeout(5):
            await scenario()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before, "a task is still running"
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0

    asyncio.run(inside())


def test_stream_is_sent_block_by_block_with_no_buffering_headers() -> None:
    async def scenario() -> None:
        client, blocks = FakeClient(), Blocks(b"a", b"b")
        await client.request(events(blocks))
        assert client.blocks == [b"a", b"b", b""] and client.over
        assert client.headers == {
            "content-type": "text/event-stream",
            "cache-control": "no-store, private",
            "x-accel-buffering": "no",
        }
        assert blocks.closed

    run(scenario)


def test_whole_reply_has_content_length_and_few_source_headers() -> None:
    async def scenario() -> None:
        client = FakeClient()
        await client.request(
            SourceResponse(
                body=b"{}",
                status=400,
                headers={"Retry-After": "7", "Set-Cookie": "a=b", "Server": "x"},
            )
        )
        assert client.start["status"] == 400 and client.blocks == [b"{}"]
        assert client.headers == {
            "content-type": "application/json",
            "content-length": "2",
            "retry-after": "7",
        }

    run(scenario)


def test_error_before_the_first_byte_is_raised() -> None:
    async def scenario() -> None:
        async def failing() -> SourceResponse:
            raise NotFound

        client = FakeClient()
        with pytest.raises(NotFound):
            await client.request(failing())
        assert not client.start

    run(scenario)


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (SourceFailed("It broke."), "It broke."),
        (RuntimeError("sk-secret"), "The answer broke off."),
    ],
)
@pytest.mark.case("FT-20")
def test_later_error_is_sent_as_event(failure: Exception, sentence: str) -> None:
    async def scenario() -> None:
        client, blocks = FakeClient(), Blocks(b"data: 1\n\n", then=failure)
        await client.request(events(blocks))
        sent = b"".join(client.blocks)
        assert sentence.encode() in sent and b"sk-secret" not in sent
        assert sent.endswith(DONE) and client.over and blocks.closed

    run(scenario)


@pytest.mark.parametrize(
    ("media_type", "end"),
    [
        ("text/plain", b""),
        ("application/x-ndjson", b'{"error":"The model source could not be reached."}\n'),
    ],
)
def test_failed_stream_ends_as_its_format_allows(media_type: str, end: bytes) -> None:
    async def scenario() -> None:
        client = FakeClient()
        body = Blocks(b"{}\n", then=SourceFailed())
        await client.request(SourceResponse(body=body, content_type=media_type))
        assert client.blocks == [b"{}\n", end]

    run(scenario)


def test_failed_stream_of_messages_ends_with_their_error_event() -> None:
    async def scenario() -> None:
        client = FakeClient()
        body = Blocks(b"a", then=SourceFailed("It broke."))
        await client.request(
            SourceResponse(body=body, content_type=EVENT_STREAM), errors="anthropic"
        )
        assert client.blocks == [
            b"a",
            b"event: error\n"
            b'data: {"type":"error","error":{"type":"api_error","message":"It broke."}}\n\n',
        ]

    run(scenario)


@pytest.mark.parametrize(
    ("errors", "body"),
    [
        (
            "anthropic",
            b'{"type":"error","error":{"type":"invalid_request_error","message":"Too long"},'
            b'"detail":"Too long"}',
        ),
        ("ollama", b'{"detail":"Too long","error":"Too long"}'),
        ("openai", b'{"error":{"message":"Too long"}}'),
    ],
)
def test_refusal_of_a_provider_has_the_shape_of_the_route(errors: ErrorFormat, body: bytes) -> None:
    async def scenario() -> None:
        client = FakeClient()
        refusal = SourceResponse(status=400, body=b'{"error":{"message":"Too long"}}')
        await client.request(refusal, errors=errors)
        assert (client.start["status"], client.blocks) == (400, [body])

    run(scenario)


@pytest.mark.case("FT-23")
def test_disconnect_ends_the_stream() -> None:
    async def scenario() -> None:
        client, blocks = FakeClient(), Blocks(b"a", then="wait")
        asyncio.get_running_loop().call_later(0.05, client.disconnected.set)
        await client.request(events(blocks))
        assert blocks.closed and client.blocks == [b"a"]

    run(scenario)


@pytest.mark.case("FT-23")
def test_disconnect_cancels_a_pending_reply() -> None:
    async def scenario() -> None:
        cancelled = asyncio.Event()

        async def thinking() -> SourceResponse:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            raise AssertionError

        client = FakeClient()
        asyncio.get_running_loop().call_later(0.05, client.disconnected.set)
        await client.request(thinking())
        assert cancelled.is_set() and not client.start

    run(scenario)


def test_cancellation_from_elsewhere_is_raised() -> None:
    async def scenario() -> None:
        blocks = Blocks(then="wait")
        task = asyncio.create_task(FakeClient().request(events(blocks)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert blocks.closed

    run(scenario)


@pytest.mark.case("FT-03")
def test_shutdown_ends_streams_after_grace_with_event() -> None:
    async def scenario() -> None:
        client, blocks, drain = FakeClient(), Blocks(b"a", then="wait"), Drain(0.1)
        asyncio.get_running_loop().call_later(0.05, drain.start)
        begun = asyncio.get_running_loop().time()
        await client.request(events(blocks), drain)
        assert 0.1 < asyncio.get_running_loop().time() - begun < 1
        assert drain.started and blocks.closed and client.over
        assert client.blocks[-1] == (
            b'data: {"error":{"message":"The server is shutting down.","type":"server_error",'
            b'"code":"interrupted"}}\n\n' + DONE
        )

    run(scenario)


@pytest.mark.case("FT-03")
def test_pending_reply_is_503_after_grace() -> None:
    async def scenario() -> None:
        async def thinking() -> SourceResponse:
            await asyncio.sleep(60)
            raise AssertionError

        drain = Drain(0.0)
        asyncio.get_running_loop().call_later(0.05, drain.start)
        with pytest.raises(Unavailable):
            await FakeClient().request(thinking(), drain)
        with pytest.raises(Unavailable):
            await FakeClient().request(thinking(), drain)

    run(scenario)


def test_drain_start_is_idempotent() -> None:
    async def scenario() -> None:
        drain = Drain(60)
        assert not drain.started
        drain.start()
        drain.start()
        assert drain.started and not drain.over

    run(scenario)
