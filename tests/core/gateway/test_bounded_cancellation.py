"""Calls of sources that ignore their cancellation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import structlog.testing
from tests.core.gateway.test_router import World

from portico.catalogue import ModelCard, SourceRequest, SourceResponse, close_body
from portico.errors import SourceFailed
from portico.gateway import bounded_cancellation

pytestmark = [pytest.mark.anyio, pytest.mark.case("FT-23")]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that Portico uses."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_cancellation, "CANCEL_SECONDS", 0.04)


class StubbornSource:
    """A source that goes on until it is released, whatever is done to it. `at`: where it waits."""

    name = "stubborn"

    def __init__(self, at: str, ignored: int = 10**9) -> None:
        self.at, self.ignored = at, ignored
        self.released, self.waits, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def list_models(self) -> Sequence[ModelCard]:
        return ()

    async def complete(self, completion: SourceRequest) -> SourceResponse:
        if self.at == "complete":
            await self._wait()
        return SourceResponse(body=self._stream(), content_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            if self.at == "stream":
                await self._wait()
            yield b"second"
        finally:
            if self.at == "close":
                await self._wait()
            self.ended.set()

    async def _wait(self) -> None:
        self.waits.set()
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                self.ignored -= 1
                if self.ignored < 0:
                    raise


async def read(world: World, blocks: list[bytes]) -> None:
    """Call the model and read its whole answer, as a request of a client does."""
    response = await world.router.send(world.call())
    try:
        async for block in response.body:  # type: ignore[union-attr]
            blocks.append(block)
    finally:
        await close_body(response.body)


def world_of(source: Any) -> World:
    return World(source)


@pytest.mark.parametrize("at", ["complete", "stream"])
async def test_call_ends_though_its_source_ignores_the_cancellation(at: str) -> None:
    source = StubbornSource(at)
    world, blocks = world_of(source), []
    call = asyncio.create_task(read(world, blocks))
    await source.waits.wait()
    with structlog.testing.capture_logs() as logs:
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert [(one["event"], one["source"]) for one in logs] == [
        ("model source ignores that its call was cancelled", "stubborn")
    ]
    assert blocks == ([] if at == "complete" else [b"first"])
    assert world.in_flight() == [0]
    source.released.set()
    if at == "stream":
        await source.ended.wait()


async def test_call_ends_though_its_source_does_not_close() -> None:
    source = StubbornSource("close")
    world = world_of(source)
    response = await world.router.send(world.call())
    assert await anext(aiter(response.body)) == b"first"  # type: ignore[arg-type]
    await close_body(response.body)
    assert world.in_flight() == [0]
    source.released.set()
    await source.ended.wait()


async def test_source_that_ignores_one_cancellation_is_cancelled_again() -> None:
    source = StubbornSource("complete", ignored=2)
    world = world_of(source)
    call = asyncio.create_task(read(world, []))
    await source.waits.wait()
    with structlog.testing.capture_logs() as logs:
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert logs == []


async def test_bounded_stream_reads_one_block_ahead_and_passes_its_error() -> None:
    sent: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(10):
            sent.append(number)
            yield b"%d" % number
        raise SourceFailed("It broke.")

    stream = bounded_cancellation.BoundedStream(body(), "s")
    assert await anext(stream) == b"0"
    for _ in range(20):
        await asyncio.sleep(0)
    assert sent == [0, 1, 2], "one block is waiting, and one is held by the source"
    with pytest.raises(SourceFailed, match="broke"):
        async for block in stream:
            assert int(block) <= 9
    assert sent == list(range(10))
    await stream.aclose()
    with contextlib.suppress(SourceFailed), pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_source_in_one_task_may_use_time_limits() -> None:
    async def body() -> AsyncIterator[bytes]:
        async with asyncio.timeout(60):
            yield b"a"
            yield b"b"

    stream = bounded_cancellation.BoundedStream(body(), "s")
    assert [block async for block in stream] == [b"a", b"b"]
