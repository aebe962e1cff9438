"""Time limit for clients that do not read a response: the connection is closed and its memory is freed.

Large responses are sent in pieces, and the server takes the next piece only when its buffer has space. A piece that is
not taken in time means that the client does not read. A silent model source sends no piece, so it is not affected.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar.types import Message, Send

from portico.time_limit import Begun

#: Bytes of one piece. Large enough to be cheap, small enough that a slow client reads one in time.
PIECE_BYTES: Final = 64 * 1024
#: Bytes of a response that is handed to the server at once: for a list of models, pieces would cost a sixth more. If the
#: client does not read it, the kernel closes the connection (see `tcp_sockets`).
MAX_UNSPLIT_BYTES: Final = 512 * 1024


class ClientStalled(Exception):
    """The client does not read. No response can be sent, so this is not a DomainError."""


class ReadWatch:
    """Limits how long a client may take to read one piece. One timer for all requests, as in `BodyTimeout`."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._every = min(1.0, timeout / 4)
        self._sending: dict[asyncio.Task[Any], float] = {}
        self._timed_out: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def send(self, send: Send, message: Message) -> None:
        """Send a message. Raises: ClientStalled if the client does not read it in time."""
        rest = send(message).__await__()
        try:
            waits_for = next(rest)
        except StopIteration:
            return  # the server took it at once, as it mostly does: no time to limit
        await self._watched(Begun(rest, waits_for))

    async def _watched(self, sending: Awaitable[None]) -> None:
        task = asyncio.current_task()
        if task is None or task in self._sending:
            await sending
            return
        loop = asyncio.get_running_loop()
        self._sending[task] = loop.time() + self._timeout
        if self._timer is None:
            self._timer = loop.call_later(self._every, self._check_deadlines, loop)
        try:
            await sending
        except asyncio.CancelledError:
            if task in self._timed_out and task.uncancel() == 0:
                raise ClientStalled from None
            raise
        finally:
            del self._sending[task]
            self._timed_out.discard(task)

    def _check_deadlines(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, deadline in self._sending.items():
            if now >= deadline and task not in self._timed_out:
                self._timed_out.add(task)
                task.cancel()
        self._timer = (
            loop.call_later(self._every, self._check_deadlines, loop) if self._sending else None
        )


async def send_in_pieces(body: bytes, more: bool, send: Callable[[Message], Any]) -> None:
    """Send a part of a response in pieces. `more`: further parts follow."""
    for begin in range(0, len(body), PIECE_BYTES):
        end = begin + PIECE_BYTES
        await send(
            {
                "type": "http.response.body",
                "body": body[begin:end],
                "more_body": more or end < len(body),
            }
        )
