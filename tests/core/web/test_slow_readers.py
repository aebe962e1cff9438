"""Time limit for clients that do not read responses."""

import asyncio
from typing import Any

import pytest

from portico.web.middleware.slow_readers import (
    PIECE_BYTES,
    ClientStalled,
    ReadWatch,
    send_in_pieces,
)

MESSAGE: Any = {"type": "http.response.body", "body": b"x", "more_body": True}


async def never(_: Any) -> None:
    await asyncio.Event().wait()


async def soon(_: Any) -> None:
    await asyncio.sleep(0)


def test_message_not_read_in_time_raises_client_stalled() -> None:
    async def run() -> None:
        watch = ReadWatch(0.05)
        with pytest.raises(ClientStalled):
            await watch.send(never, MESSAGE)
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        await watch.send(soon, MESSAGE)

    asyncio.run(run())


def test_time_limit_applies_to_each_message() -> None:
    async def run() -> None:
        watch = ReadWatch(10)
        for _ in range(100):
            await watch.send(soon, MESSAGE)
        assert not watch._sending

    asyncio.run(run())


def test_cancellation_from_elsewhere_is_not_a_stall() -> None:
    async def run() -> None:
        sending = asyncio.create_task(ReadWatch(60).send(never, MESSAGE))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    asyncio.run(run())


@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("size", [1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES])
def test_large_part_is_sent_in_pieces(size: int, more: bool) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(send_in_pieces(b"x" * size, more, send))

    assert b"".join(one["body"] for one in sent) == b"x" * size
    assert max(len(one["body"]) for one in sent) <= PIECE_BYTES
    assert [one["more_body"] for one in sent] == [True] * (len(sent) - 1) + [more]
