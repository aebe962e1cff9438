"""Time limit for request bodies: a client cannot hold a connection open by sending a few bytes at a time."""

import asyncio
from typing import Any

from litestar.types import Receive

from portico.errors import IncompleteBody, RequestTimeout
from portico.settings.server import ServerSettings


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

    def wrap_receive(self, receive: Receive) -> Receive:
        """Return a `receive` that raises RequestTimeout if the body arrives too slowly.

        It raises IncompleteBody if the client disconnects before the end of the body.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.timeout
        last = deadline
        is_complete = False

        async def receiving() -> Any:
            nonlocal deadline, last, is_complete
            if is_complete:
                return await receive()  # waits for the client to disconnect, without a limit
            task = asyncio.current_task()
            assert task is not None
            self._watch(task, min(deadline, last), loop)
            try:
                message: Any = await receive()
            except asyncio.CancelledError:
                if task in self._timed_out and task.uncancel() == 0:
                    raise RequestTimeout from None
                raise
            finally:
                del self._waiting[task]
                self._timed_out.discard(task)
            if message["type"] == "http.disconnect":
                is_complete = True
                raise IncompleteBody  # disconnected, or sent an invalid chunk
            if message.get("more_body", False):
                deadline += len(message.get("body", b"")) / self.rate
                last = loop.time() + self.timeout
            else:
                is_complete = True
            return message

        return receiving

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
