"""Clients that do not read: whoever takes nothing for too long is let go, with all that is kept for them.

Something is sent in pieces, and the server takes the next piece only when there is room for it, so a piece that is not
taken means a client that does not read. A source that is silent sends nothing, and is not what is watched here.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from litestar.types import Message, Send

#: Bytes that are sent at once. Large enough to be cheap, small enough that a slow client takes one in time.
PIECE_BYTES: Final = 64 * 1024
#: Bytes of a whole answer that are handed to the server at once: for a list of models, pieces would cost a sixth more.
#: What a client leaves unread of it goes when the kernel gives the connection up.
WHOLE_BYTES: Final = 512 * 1024


class ClientStalled(Exception):
    """The client reads nothing. There is nobody to answer, so this is no refusal."""


class ReadWatch:
    """The time limit of one application. One timer looks after all who wait, as in `BodyTimeout`."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._every = min(1.0, timeout / 4)
        self._sending: dict[asyncio.Task[Any], float] = {}
        self._given_up: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def send(self, send: Send, message: Message) -> None:
        """Send a message. Raises: ClientStalled if it is not taken in time."""
        task = asyncio.current_task()
        if task is None or task in self._sending:
            await send(message)
            return
        loop = asyncio.get_running_loop()
        self._sending[task] = loop.time() + self._timeout
        if self._timer is None:
            self._timer = loop.call_later(self._every, self._look_after, loop)
        try:
            await send(message)
        except asyncio.CancelledError:
            if task in self._given_up and task.uncancel() == 0:
                raise ClientStalled from None
            raise
        finally:
            del self._sending[task]
            self._given_up.discard(task)

    def _look_after(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, deadline in self._sending.items():
            if now >= deadline and task not in self._given_up:
                self._given_up.add(task)
                task.cancel()
        self._timer = (
            loop.call_later(self._every, self._look_after, loop) if self._sending else None
        )


async def send_in_pieces(body: bytes, more: bool, send: Callable[[Message], Any]) -> None:
    """Send a part of an answer. `more`: whether others follow."""
    for begin in range(0, len(body), PIECE_BYTES):
        end = begin + PIECE_BYTES
        await send(
            {
                "type": "http.response.body",
                "body": body[begin:end],
                "more_body": more or end < len(body),
            }
        )
