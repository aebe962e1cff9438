"""The queue of unsent packets: order, replacement, limits, and what one poll takes."""

import asyncio
from typing import Any

import pytest

from portico.sockets.send_queue import MAX_PACKETS_PER_POLL, SendQueue

pytestmark = pytest.mark.anyio


class Packet:
    def __init__(self, data: str) -> None:
        self.data = data


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def queue(max_packets: int = 100, max_bytes: int = 10_000) -> SendQueue:
    return SendQueue(max_packets, max_bytes)


async def drained(of: SendQueue) -> list[Any]:
    return [(await of.get()).data for _ in range(len(of))]


async def test_packets_come_in_their_order() -> None:
    of = queue()
    for number in range(50):
        of.put_nowait(Packet(str(number)))
    assert await drained(of) == [str(number) for number in range(50)]


async def test_later_packet_with_the_same_key_replaces_the_unsent_one_at_the_end() -> None:
    of = queue()
    for data, key in (("a1", "a"), ("x", ""), ("b1", "b"), ("a2", "a"), ("y", "")):
        of.put_nowait(Packet(data), key)
    assert await drained(of) == ["x", "b1", "a2", "y"]


async def test_replaced_packets_never_fill_the_queue() -> None:
    of = queue(max_packets=16, max_bytes=1000)
    of.on_overflow = pytest.fail
    for number in range(10_000):
        of.put_nowait(Packet(f"{number:900d}"), "a")
    assert len(of) == 1


@pytest.mark.parametrize("size", [1, 2000])
async def test_queue_that_overflows_is_emptied_and_says_so_once(size: int) -> None:
    calls: list[int] = []
    of = queue(max_packets=20)
    of.on_overflow = lambda: calls.append(1)
    while not calls:
        of.put_nowait(Packet("x" * size))
    assert len(of) == 0


async def test_poll_takes_a_limited_number_and_a_web_socket_one() -> None:
    of = queue()
    for number in range(50):
        of.put_nowait(Packet(str(number)))
    taken = [await of.get()]
    with pytest.raises(asyncio.QueueEmpty):
        while True:
            taken.append(of.get_nowait())
    assert len(taken) == MAX_PACKETS_PER_POLL
    of.is_polled = lambda: False
    await of.get()
    with pytest.raises(asyncio.QueueEmpty):
        of.get_nowait()


async def test_closed_queue_gives_what_it_has_and_then_fails() -> None:
    of = queue()
    waiting = asyncio.ensure_future(of.get())
    await asyncio.sleep(0)
    of.put_nowait(Packet("a"))
    of.close()
    assert (await waiting).data == "a"
    with pytest.raises(TimeoutError):
        await of.get()


async def test_waiting_reader_gets_the_next_packet() -> None:
    of = queue()
    waiting = asyncio.ensure_future(of.get())
    await asyncio.sleep(0)
    of.put_nowait(Packet("a"))
    assert (await waiting).data == "a"
    assert not of._waiting
