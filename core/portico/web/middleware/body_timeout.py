"""Time limit for request bodies: a client cannot hold a connection open by sending a few bytes at a time."""

import asyncio
import contextlib
from typing import Any, Final

from litestar.types import Receive

from portico.errors import IncompleteBody, RequestTimeout
from portico.settings.server import ServerSettings

#: Seconds for which the rest of a refused body is read.
LINGER_SECONDS: Final = 3.0


class BodyTimeout:
    """Limits how long requests of one application may take to send their bodies. The server limits the headers.

    One timer checks all waiting requests: a timer for each request would cost a tenth of a small request.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.timeout, self.rate = settings.body_timeout, settings.min_body_bytes_per_second
        self._every = min(1.0, settings.body_timeout / 4)
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._timed_out: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def wrap_receive(self, receive: Receive) -> "TimedReceive":
        """Return a `receive` with this limit."""
        return TimedReceive(self, receive)

    async def limited(self, receive: Receive, deadline: float) -> Any:
        """Return the next message. Raises: RequestTimeout at the deadline, a time of the event loop."""
        task = asyncio.current_task()
        assert task is not None
        self._watch(task, deadline, asyncio.get_running_loop())
        try:
            return await receive()
        except asyncio.CancelledError:
            if task in self._timed_out and task.uncancel() == 0:
                raise RequestTimeout from None
            raise
        finally:
            del self._waiting[task]
            self._timed_out.discard(task)

    def _watch(
        self, task: asyncio.Task[Any], deadline: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._waiting[task] = deadline
        if self._timer is None:
            self._timer = loop.call_later(self._every, self._check_deadlines, loop)

    def _check_deadlines(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, deadline in self._waiting.items():
            if now >= deadline and task not in self._timed_out:
                self._timed_out.add(task)
                task.cancel()
        self._timer = (
            loop.call_later(self._every, self._check_deadlines, loop) if self._waiting else None
        )


class TimedReceive:
    """`receive` of one request with a body. `is_complete`: the whole body was received, or the client has disconnected."""

    __slots__ = ("_deadline", "_last", "_limit", "_receive", "is_complete")

    def __init__(self, limit: BodyTimeout, receive: Receive) -> None:
        self._limit, self._receive = limit, receive
        self._deadline = self._last = asyncio.get_running_loop().time() + limit.timeout
        self.is_complete = False

    async def __call__(self) -> Any:
        """Return the next message. Called by the application.

        Raises: RequestTimeout if the body arrives too slowly; IncompleteBody if the client disconnects before its end.
        """
        if self.is_complete:
            return await self._receive()  # waits for the client to disconnect, without a limit
        message = await self._limit.limited(self._receive, min(self._deadline, self._last))
        if message["type"] == "http.disconnect":
            self.is_complete = True
            raise IncompleteBody  # disconnected, or sent an invalid chunk
        if message.get("more_body", False):
            self._deadline += len(message.get("body", b"")) / self._limit.rate
            self._last = asyncio.get_running_loop().time() + self._limit.timeout
        else:
            self.is_complete = True
        return message

    async def drop_rest(self) -> None:
        """Read and drop the rest of the body, for `LINGER_SECONDS` at most.

        If the server closed a connection with unread bytes, the client, or the proxy in front, would lose the response.
        """
        deadline = asyncio.get_running_loop().time() + LINGER_SECONDS
        with contextlib.suppress(RequestTimeout, IncompleteBody):
            while not self.is_complete:
                self._deadline = self._last = deadline
                await self()
