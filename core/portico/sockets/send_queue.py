"""The packets that wait to be sent on one socket, bounded in number and bytes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final

#: Packets in one response to a poll. Some clients refuse more.
MAX_PACKETS_PER_POLL: Final = 16


class SendQueue:
    """Takes the place of the `asyncio.Queue` of an Engine.IO socket, from which the library sends.

    A packet with a key takes the place of an unsent one with the same key, so a socket that reads slowly skips it. Beyond
    `max_packets` or `max_bytes`, the queue is emptied and `on_overflow` is called.
    """

    __slots__ = (
        "_bytes", "_count", "_is_closed", "_max_bytes", "_max_packets", "_packets", "_taken", "_waiting",
        "is_polled", "on_overflow",
    )  # fmt: skip

    def __init__(self, max_packets: int, max_bytes: int) -> None:
        self._max_packets, self._max_bytes = max_packets, max_bytes
        self._packets: OrderedDict[Hashable, Any] = OrderedDict()
        self._waiting: list[asyncio.Future[Any]] = []
        self._bytes = self._count = self._taken = 0
        self._is_closed = False
        self.on_overflow: Callable[[], None] = lambda: None
        #: Whether the client polls. Then one response has several packets; a web socket sends each by itself.
        self.is_polled: Callable[[], bool] = lambda: True

    def __len__(self) -> int:
        return len(self._packets)

    def put_nowait(self, packet: Any, key: str = "") -> None:
        """Append a packet, and remove an unsent one with the same key. Called by the library with None to end."""
        if key:
            self._discard(key)
        else:
            self._count += 1
        self._packets[key or self._count] = packet
        self._bytes += _size(packet)
        if len(self._packets) > self._max_packets or self._bytes > self._max_bytes:
            self.clear()
            self.on_overflow()
        self._hand_over()

    async def put(self, packet: Any) -> None:
        """As `put_nowait`. Called by the library."""
        self.put_nowait(packet)

    def get(self) -> "asyncio.Future[Any]":
        """Return a future with the next packet, which is taken. Called by the library, which awaits it with a time limit.

        A future, since a coroutine would cost a task for each packet. It raises TimeoutError if the queue was closed.
        """
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._hand_over()
        return future

    def get_nowait(self) -> Any:
        """Return a further packet for the same response. Called by the library. Raises: QueueEmpty."""
        if not self._packets or self._taken >= MAX_PACKETS_PER_POLL or not self.is_polled():
            raise asyncio.QueueEmpty
        self._taken += 1
        return self._pop()

    def task_done(self) -> None:
        """Do nothing. Called by the library."""

    async def join(self) -> None:
        """Do nothing: no caller waits for a client to read. Called by the library."""

    def clear(self) -> None:
        """Drop all packets."""
        self._packets.clear()
        self._bytes = 0

    def close(self) -> None:
        """Let a poll that waits fail, and later ones when the queue is empty."""
        self._is_closed = True
        self._hand_over()

    def _pop(self) -> Any:
        _, packet = self._packets.popitem(last=False)
        self._bytes -= _size(packet)
        return packet

    def _discard(self, key: str) -> None:
        replaced = self._packets.pop(key, None)
        if replaced is not None:
            self._bytes -= _size(replaced)

    def _hand_over(self) -> None:
        """Give packets to those who wait for them."""
        while self._waiting and (self._packets or self._is_closed):
            waiting = self._waiting.pop(0)
            if waiting.done():
                continue  # it has waited for too long
            if self._packets:
                self._taken = 1
                waiting.set_result(self._pop())
            else:
                waiting.set_exception(TimeoutError())


def _size(packet: Any) -> int:
    return len(packet.data) if packet is not None and isinstance(packet.data, str) else 0
