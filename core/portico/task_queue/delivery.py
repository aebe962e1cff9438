"""Tells workers of new tasks through the queue."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Final

from portico.redis import RedisUnavailable
from portico.task_queue.queue import TaskQueue
from portico.tasks import TaskDelivery

#: Deliveries that may wait. The sweep finds the tasks of the others.
MAX_PENDING: Final = 10_000


class QueueDelivery:
    """A `TaskDelivery` by the queue while there are workers and Redis answers, else by another one.

    `has_workers`: whether any worker is alive.
    """

    def __init__(
        self, queue: TaskQueue, other: TaskDelivery, has_workers: Callable[[], bool]
    ) -> None:
        self._queue, self._other, self._has_workers = queue, other, has_workers
        self._pending: deque[tuple[str, int, float]] = deque()
        self._sender: asyncio.Task[None] | None = None

    def deliver(self, task_id: str, claims: int, delay: float) -> None:
        """See `TaskDelivery`."""
        if not self._has_workers() or self._queue.redis.is_unavailable:
            self._other.deliver(task_id, claims, delay)
        elif len(self._pending) < MAX_PENDING:
            self._pending.append((task_id, claims, delay))
            if self._sender is None:
                self._sender = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._pending:
                is_news = False
                while self._pending:
                    is_news = await self._put(*self._pending.popleft()) or is_news
                if is_news:
                    with contextlib.suppress(
                        RedisUnavailable
                    ):  # workers look into the queue anyway
                        await self._queue.announce()
        finally:
            self._sender = None

    async def _put(self, task_id: str, claims: int, delay: float) -> bool:
        """Put a delivery into the queue, or deliver it otherwise. Return whether workers are to be told now."""
        try:
            await self._queue.put(task_id, claims, delay)
        except RedisUnavailable:
            self._other.deliver(task_id, claims, delay)
            return False
        return delay <= 0
