"""How long a client may take to send a body: a connection is not held open by dripping bytes into it."""

import asyncio
from typing import Any

from litestar.types import Receive

from portico.errors import IncompleteBody, RequestTimeout
from portico.settings.server import ServerSettings


class BodyTimeout:
    """The time limits of one application. Headers have theirs in the server, before there is a request.

    One timer looks after all who wait: a timer for each request would cost a tenth of a small one.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.timeout, self.rate = settings.body_timeout, settings.body_rate
        self._every = min(1.0, settings.body_timeout / 4)
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._timed_out: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def wrap_receive(self, receive: Receive) -> Receive:
        """`receive` of a request that has a body, and which raises RequestTimeout when its sender is.

        Raises IncompleteBody where the body does not come to its end.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.timeout
        last = deadline
        whole = False

        async def receiving() -> Any:
            nonlocal deadline, last, whole
            if whole:
                return await receive()  # waits for the client to leave, as long as that takes
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
                whole = True
                raise IncompleteBody  # hung up, or sent a chunk that is none
            if message.get("more_body", False):
                deadline += len(message.get("body", b"")) / self.rate
                last = loop.time() + self.timeout
            else:
                whole = True
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
